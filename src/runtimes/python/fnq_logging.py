"""Gives the root logger Lambda's handler, at the moment somebody imports `logging`, which many functions never do."""
import os
import sys
from importlib.machinery import PathFinder

request_id = ""  # of the invocation under way


class LoggingFinder:
    """Finds `logging` as usual, and adds our handler once the module has run."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(cls)
        spec = PathFinder.find_spec(name, path, target)
        run_module = spec.loader.exec_module

        def exec_module(module):
            run_module(module)
            _configure(module)

        spec.loader.exec_module = exec_module
        return spec


def watch():
    if "logging" in sys.modules:
        _configure(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, LoggingFinder)


def _configure(logging):
    import json
    import time

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = request_id
            return True

    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record):
            try:
                # One record is one event, whatever line breaks it holds.
                sys.stdout.write(self.format(record).rstrip("\n").replace("\n", "\r") + "\n")
            except Exception:
                self.handleError(record)

    class JsonFormatter(logging.Formatter):
        standard = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime"}

        def format(self, record):
            entry = {
                "timestamp": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}Z",
                "level": record.levelname,
                "message": record.getMessage(),
                "logger": record.name,
            }
            if record.exc_info:
                entry["stackTrace"] = self.formatException(record.exc_info).splitlines()
                entry["errorType"] = record.exc_info[0].__name__
                entry["errorMessage"] = str(record.exc_info[1])
            if request_id:
                entry["requestId"] = request_id
            entry.update((k, v) for k, v in vars(record).items() if k not in self.standard)
            return json.dumps(entry, ensure_ascii=False, default=str)

    logging.Formatter.converter = time.gmtime
    root, handler = logging.getLogger(), LambdaLoggerHandler()
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        handler.setFormatter(JsonFormatter())
        level = logging.getLevelName(os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""))
        if isinstance(level, int):
            root.setLevel(level)
    else:
        handler.setFormatter(logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter())
    root.addHandler(handler)
