"""Fnq's bootstrap for Python: loads the handler, then serves invocations one after the other."""
import importlib
import json
import os
import sys

import fnq_logging
from fnq_api import RESPONSE_BYTES_MAX, RuntimeApi
from fnq_context import LambdaContext


class Fault(Exception):
    """A failure that has an errorType of Lambda's own, instead of the name of an exception class."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace


_TOO_LARGE = {
    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).",
    "errorType": "Function.ResponseSizeTooLarge",
}


def _encode_special(value):
    # Looked up, not imported: without decimal in the process no value can be a Decimal.
    decimal = sys.modules.get("decimal")
    if decimal and isinstance(value, decimal.Decimal):
        return float("nan") if value.is_nan() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encode = json.JSONEncoder(ensure_ascii=False, default=_encode_special).encode


def main():
    # As standard error does: half a character in an error must not end the process that reports it.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    api = RuntimeApi()
    log_json = _encode if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON" else None
    fnq_logging.watch()
    _set_path()
    try:
        handler = _load_handler(os.environ.get("_HANDLER", ""))
    except Exception as error:
        fault = _fault_of(error, "", log_json)
        api.post("init/error", fault, _type_of(error))
        sys.exit(1)
    _serve(api, handler, log_json)


def _set_path():
    root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    first = [root, f"/opt/python/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages", "/opt/python"]
    sys.path[:] = dict.fromkeys(first + sys.path)
    if os.path.isdir(root):
        os.chdir(root)


def _load_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace) from error
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'") from None


def _serve(api, handler, log_json):
    environ, stdout, stderr, loads = os.environ, sys.stdout, sys.stderr, json.loads
    trace_before = None
    headers, body = api.next()
    while True:
        request_id = fnq_logging.request_id = headers["lambda-runtime-aws-request-id"]
        trace = headers.get("lambda-runtime-trace-id")
        if trace != trace_before:
            trace_before = trace
            if trace:
                environ["_X_AMZN_TRACE_ID"] = trace
            else:
                environ.pop("_X_AMZN_TRACE_ID", None)
        content_type, error_type, outcome = "application/json", None, "response"
        try:
            result = handler(_event(loads, body), LambdaContext(headers, loads))
            if type(result) is bytes:
                content_type = "application/unknown"
            else:
                result = _marshal(result)
            if len(result) > RESPONSE_BYTES_MAX:
                outcome, error_type = "error", _TOO_LARGE["errorType"]
                result = _encode(_TOO_LARGE).encode()
        except Exception as error:
            result = _fault_of(error, request_id, log_json)
            outcome, error_type, content_type = "error", _type_of(error), "application/json"
        # The log of a run is complete before its result is known.
        stdout.flush()
        stderr.flush()
        headers, body = api.post_and_next(f"invocation/{request_id}/{outcome}", result, content_type, error_type)


def _event(loads, body):
    try:
        return loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def _marshal(result):
    try:
        return _encode(result).encode("utf-8", "replace")
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _fault_of(error, request_id, log_json):
    """Logs a failure and gives its error object as bytes."""
    import fnq_faults  # with traceback, which a function that does not fail need not load
    fault = fnq_faults.describe(error, request_id)
    fnq_faults.write(fault, log_json)
    sys.stdout.flush()
    return _encode(fault).encode("utf-8", "replace")


def _type_of(error):
    return error.error_type if isinstance(error, Fault) else type(error).__name__
