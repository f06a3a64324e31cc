import json
import os
import time
import unittest

from harness import ARN, Function

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples")
RUNTIME = "python3.13"
ECHO = "def handler(event, context):\n    return event\n"


def python(source, handler="index.handler", **options):
    return Function(RUNTIME, {"index.py": source}, handler, **options)


class PythonTests(unittest.TestCase):
    def test_echoes_every_json_value(self):
        with python(ECHO) as f:
            for value in ({}, [], None, "", "grüße 🎉 \u2028", 0, 1.5, True, {"a": {"b": [1, None]}}, "x" * 100_000):
                self.assertEqual(value, f.invoke(value))
            self.assertEqual(1, f.server.connections)

    def test_keeps_module_state_and_writes_only_to_tmp(self):
        with python("import os\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    open('/tmp/x', 'a').write('x')\n"
                    "    return [n, os.path.getsize('/tmp/x'), os.access('/var/task', os.W_OK), os.getcwd(), os.getuid()]\n") as f:
            self.assertEqual([1, 1, False, "/var/task", 1000], f.invoke({}))
            self.assertEqual([2, 2, False, "/var/task", 1000], f.invoke({}))

    def test_takes_and_gives_six_megabytes(self):
        with python(ECHO) as f:
            event = {"a": "é" * (3 * 1024 * 1024 - 10)}
            self.assertEqual(event, f.invoke(event))

    def test_takes_chunked_events(self):
        with python(ECHO, chunked=True) as f:
            for size in (0, 1, 999, 5000, 300_000):
                self.assertEqual({"a": "y" * size}, f.invoke({"a": "y" * size}))

    def test_connects_again_after_a_hang_up(self):
        with python(ECHO) as f:
            f.invoke(1)
            for n in (2, 3):
                f.server.hang_up()
                self.assertEqual(n, f.invoke(n))
                self.assertEqual(n, f.server.connections)

    def test_ends_when_the_platform_is_gone(self):
        with python(ECHO) as f:
            f.invoke(1)
            f.server.close()
            self.assertEqual(1, f.wait_exit())

    def test_refuses_a_response_over_the_limit_and_goes_on(self):
        with python("def handler(e, c):\n    return 'x' * e\n") as f:
            fault = f.fail(6 * 1024 * 1024 + 99)
            self.assertEqual({"errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
                              "errorType": "Function.ResponseSizeTooLarge"}, fault)
            self.assertEqual(6 * 1024 * 1024 + 98, len(f.invoke(6 * 1024 * 1024 + 98)))

    def test_example_greets(self):
        with open(os.path.join(EXAMPLES, "python", "lambda_function.py")) as file:
            source = file.read()
        with Function(RUNTIME, {"lambda_function.py": source}, "lambda_function.lambda_handler") as f:
            answer = f.invoke({"name": "DevCraftly"})
            self.assertEqual({"statusCode": 200, "body": '{"message": "Hello, DevCraftly!"}'}, answer)

    def test_context_has_every_field(self):
        source = """
def handler(event, c):
    ms = c.get_remaining_time_in_millis()
    return dict(name=c.function_name, version=c.function_version, arn=c.invoked_function_arn, memory=c.memory_limit_in_mb,
        id=c.aws_request_id, group=c.log_group_name, stream=c.log_stream_name, ok=isinstance(ms, int) and 8000 < ms <= 10000,
        custom=c.client_context and c.client_context.custom, env=c.client_context and c.client_context.env,
        client=c.client_context and c.client_context.client.app_title,
        identity=[c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id], text=str(c)[:14])
"""
        with python(source) as f:
            expected = {"name": "f", "version": "$LATEST", "arn": ARN, "memory": "256", "group": "/aws/lambda/f",
                        "stream": "2024/01/01/[$LATEST]abc", "ok": True, "id": "00000000-0000-4000-8000-000000000001",
                        "custom": None, "env": None, "client": None, "identity": [None, None], "text": "LambdaContext("}
            self.assertEqual(expected, f.invoke({}))
            got = f.invoke({}, {
                "Lambda-Runtime-Client-Context": json.dumps({"custom": {"k": "v"}, "env": {"e": "1"}, "client": {"app_title": "t"}}),
                "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}'})
            self.assertEqual(({"k": "v"}, {"e": "1"}, "t", ["i", "p"]), (got["custom"], got["env"], got["client"], got["identity"]))

    def test_environment_is_lambdas(self):
        with python("import os, sys\ndef handler(e, c):\n    return [dict(os.environ), sys.path]\n") as f:
            environ, path = f.invoke({})
            self.assertNotIn("_X_AMZN_TRACE_ID", environ)
            self.assertEqual("AWS_Lambda_python3.13", environ["AWS_EXECUTION_ENV"])
            self.assertEqual("/var/runtime", environ["PYTHONPATH"])
            self.assertEqual(["/var/task", "/opt/python/lib/python3.13/site-packages", "/opt/python", "/var/runtime"], path[:4])
            environ, _ = f.invoke({}, {"Lambda-Runtime-Trace-Id": "Root=1-abc;Sampled=0"})
            self.assertEqual("Root=1-abc;Sampled=0", environ["_X_AMZN_TRACE_ID"])
            self.assertNotIn("_X_AMZN_TRACE_ID", f.invoke({})[0])

    def test_finds_handlers_in_packages_folders_and_layers(self):
        files = {"a/__init__.py": "", "a/b/__init__.py": "", "a/b/c.py": "import shared, own\ndef handler(e, c):\n    return [shared.x, own.x]\n",
                 "own.py": "x = 2"}
        for handler in ("a.b.c.handler", "a/b/c.handler"):
            with Function(RUNTIME, files, handler, layers={"python/shared.py": "x = 1"}) as f:
                self.assertEqual([1, 2], f.invoke({}))

    def test_boto3_is_there(self):
        with python("import boto3\ns3 = boto3.client('s3')\ndef handler(e, c):\n    return s3.meta.service_model.service_name\n") as f:
            self.assertEqual("s3", f.invoke({}))

    def test_serialises_decimals_bytes_and_unicode_as_lambda_does(self):
        with python("from decimal import Decimal\ndef handler(e, c):\n    return {'a': Decimal('1.5'), 'b': 'ü'} if e else b'raw'\n") as f:
            request_id = f.send(True)
            path, headers, body = f.receive()
            self.assertEqual((f"invocation/{request_id}/response", '{"a": 1.5, "b": "ü"}'.encode()), (path, body))
            f.send(False)
            _, headers, body = f.receive()
            self.assertEqual((b"raw", "application/unknown"), (body, headers["content-type"]))

    def test_starts_quickly_enough(self):
        with python(ECHO) as f:
            f.invoke({})
            self.assertLess(time.monotonic() - f.started, 5)


class PythonFailureTests(unittest.TestCase):
    def test_exception_shape_and_log_line(self):
        with python("def handler(event, context):\n    return inner()\n\ndef inner():\n    raise ValueError('böse')\n") as f:
            fault = f.fail({})
            self.assertEqual({
                "errorMessage": "böse", "errorType": "ValueError", "requestId": "00000000-0000-4000-8000-000000000001",
                "stackTrace": ['  File "/var/task/index.py", line 2, in handler\n    return inner()\n',
                               '  File "/var/task/index.py", line 5, in inner\n    raise ValueError(\'böse\')\n']}, fault)
            nb = "\u00a0"
            self.assertEqual(
                f"[ERROR] ValueError: böse\rTraceback (most recent call last):\r{nb * 2}File \"/var/task/index.py\", line 2, in handler\r"
                f"{nb * 4}return inner()\r{nb * 2}File \"/var/task/index.py\", line 5, in inner\r{nb * 4}raise ValueError('böse')\n", f.printed())
            self.assertEqual("ValueError", f.fail({})["errorType"])  # and it goes on

    def assert_init_error(self, source, error_type, message, handler="index.handler"):
        with python(source, handler) as f:
            fault = f.init_error()
            self.assertEqual((error_type, message, ""), (fault["errorType"], fault["errorMessage"], fault["requestId"]))
            self.assertEqual(1, f.wait_exit())
            self.assertTrue(f.printed().startswith(f"[ERROR] {error_type}: {message}\rTraceback"), f.printed())
            return fault

    def test_init_errors(self):
        self.assert_init_error("import nothing_here", "Runtime.ImportModuleError", "Unable to import module 'index': No module named 'nothing_here'")
        self.assert_init_error("", "Runtime.ImportModuleError", "Unable to import module 'missing': No module named 'missing'", "missing.handler")
        self.assert_init_error("", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'")
        self.assert_init_error("", "Runtime.MalformedHandlerName", "Bad handler 'index': not enough values to unpack (expected 2, got 1)", "index")
        fault = self.assert_init_error("raise Exception('at init')", "Exception", "at init")
        self.assertEqual('  File "/var/task/index.py", line 1, in <module>\n    raise Exception(\'at init\')\n', fault["stackTrace"][-1])
        fault = self.assert_init_error("def f(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index': invalid syntax (index.py, line 1)")
        self.assertEqual(['  File "/var/task/index.py" Line 1\n    def f(:\n'], fault["stackTrace"])

    def test_result_that_is_not_json(self):
        with python("def handler(e, c):\n    return {1, 2}\n") as f:
            fault = f.fail({})
            self.assertEqual(("Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable", []),
                             (fault["errorType"], fault["errorMessage"], fault["stackTrace"]))

    def test_exit_in_the_handler_ends_the_process(self):
        with python("import sys\ndef handler(e, c):\n    sys.exit(3)\n") as f:
            f.send({})
            self.assertEqual(3, f.wait_exit())
            self.assertTrue(f.server.posts.empty())

    def test_user_exception_with_odd_attributes(self):
        with python("class Fault(Exception):\n    error_type = 'x\\r\\ny'\ndef handler(e, c):\n    raise Fault()\n") as f:
            self.assertEqual("Fault", f.fail({})["errorType"])
        with python("E = type('Bad\\r\\nName: ü', (Exception,), {})\ndef handler(e, c):\n    raise E('m')\n") as f:
            f.send({})
            _, headers, body = f.receive()
            self.assertEqual("Bad\r\nName: ü", json.loads(body)["errorType"])
            self.assertNotIn("name", headers)

    def test_event_that_is_not_json(self):
        with python(ECHO) as f:
            self.assertEqual("Runtime.UnmarshalError", f.fail(b"{")["errorType"])


class PythonLogTests(unittest.TestCase):
    def test_logging_has_lambdas_form_and_level(self):
        with python("import logging\nlog = logging.getLogger()\ndef handler(e, c):\n    log.info('no')\n    log.warning('a %s\\nb', 1)\n"
                    "    log.setLevel('INFO'); log.info('yes')\n    print('plain')\n") as f:
            f.invoke({})
            lines = f.printed().split("\n")
            stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
            self.assertRegex(lines[0], rf"^\[WARNING\]\t{stamp}\t00000000-0000-4000-8000-000000000001\ta 1\rb$")
            self.assertRegex(lines[1], rf"^\[INFO\]\t{stamp}\t00000000-0000-4000-8000-000000000001\tyes$")
            self.assertEqual(["plain", ""], lines[2:])

    def test_logging_at_import_and_with_an_own_format(self):
        with python("import logging\nlogging.warning('early')\nlogging.getLogger().handlers[0].setFormatter(logging.Formatter('%(levelname)s:%(message)s'))\n"
                    "def handler(e, c):\n    logging.error('late')\n") as f:
            f.invoke({})
            self.assertRegex(f.printed(), r"^\[WARNING\]\t\S+\t\tearly\nERROR:late\n$")

    def test_output_is_complete_before_the_result(self):
        with python("import sys, os\ndef handler(e, c):\n    sys.stdout.write('no newline')\n    sys.stderr.write('err')\n    return 1\n") as f:
            f.invoke({})
            self.assertEqual({"no newline", "err"}, set(f.printed().replace("err", "\0err").split("\0")))

    def test_json_format(self):
        with python("import logging\ndef handler(e, c):\n    logging.warning('w', extra={'k': 1})\n    logging.info('i')\n    raise KeyError('x')\n",
                    env={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}) as f:
            f.fail({})
            warning, info, error = map(json.loads, f.printed().splitlines())
            request_id = "00000000-0000-4000-8000-000000000001"
            self.assertEqual(("WARNING", "w", "root", request_id, 1), tuple(warning[k] for k in ("level", "message", "logger", "requestId", "k")))
            self.assertEqual("i", info["message"])
            self.assertEqual(("ERROR", "KeyError", "'x'", request_id), tuple(error[k] for k in ("log_level", "errorType", "errorMessage", "requestId")))
