"""What a failure looks like to the caller and in the log. Imported at the first failure only."""
import sys
import time
import traceback

from fnq_runtime import Fault

_OWN_FILES = ("/var/runtime/fnq_", "/var/runtime/bootstrap")


def describe(error, request_id=""):
    """The error object that is posted to the platform and becomes the caller's payload."""
    if isinstance(error, Fault):
        error_type, trace = error.error_type, error.trace or []
    else:
        frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]
        while frames and frames[0][0].startswith(_OWN_FILES):
            frames.pop(0)
        error_type, trace = type(error).__name__, traceback.format_list(frames)
    return {"errorMessage": str(error), "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def write(fault, json_encode=None):
    """Logs a failure as one event: the platform takes a carriage return for a line break inside an event."""
    if json_encode:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stdout.write(json_encode({"timestamp": stamp, "log_level": "ERROR", **fault}) + "\n")
        return
    title = f"[ERROR] {fault['errorType']}"
    if fault["errorMessage"]:
        title += f": {fault['errorMessage']}"
    lines = title.splitlines()
    lines.append("Traceback (most recent call last):")
    for line in "".join(fault["stackTrace"]).splitlines():
        text = line.lstrip(" ")
        lines.append("\u00a0" * (len(line) - len(text)) + text)
    sys.stdout.write("\r".join(lines) + "\n")
