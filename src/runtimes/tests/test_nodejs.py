import json
import os
import unittest

from harness import ARN, Function

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples")
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
FIRST_ID = "00000000-0000-4000-8000-000000000001"
ECHO = "export const handler = async (event) => event;\n"


class NodeContract:
    """What both Node lines must do."""

    runtime = ""

    def esm(self, source, handler="index.handler", **options):
        return Function(self.runtime, {"index.mjs": source}, handler, **options)

    def cjs(self, source, handler="index.handler", **options):
        return Function(self.runtime, {"index.js": source}, handler, **options)

    def test_echoes_every_json_value(self):
        with self.esm(ECHO) as f:
            for value in ({}, [], None, "", "grüße 🎉 \u2028", 0, 1.5, True, {"a": {"b": [1, None]}}, "x" * 100_000):
                self.assertEqual(value, f.invoke(value))
            self.assertEqual(1, f.server.connections)

    def test_takes_and_gives_six_megabytes(self):
        with self.esm(ECHO) as f:
            event = {"a": "é" * (3 * 1024 * 1024 - 10)}
            self.assertEqual(event, f.invoke(event))

    def test_takes_chunked_events(self):
        with self.esm(ECHO, chunked=True) as f:
            for size in (0, 1, 999, 5000, 300_000):
                self.assertEqual({"a": "y" * size}, f.invoke({"a": "y" * size}))

    def test_connects_again_after_a_hang_up(self):
        with self.esm(ECHO) as f:
            f.invoke(1)
            for n in (2, 3):
                f.server.hang_up()
                self.assertEqual(n, f.invoke(n))
                self.assertEqual(n, f.server.connections)

    def test_ends_when_the_platform_is_gone(self):
        with self.esm(ECHO) as f:
            f.invoke(1)
            f.server.close()
            self.assertEqual(1, f.wait_exit())

    def test_refuses_a_response_over_the_limit_and_goes_on(self):
        with self.esm("export const handler = async (n) => 'x'.repeat(n);") as f:
            self.assertEqual({"errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
                              "errorType": "Function.ResponseSizeTooLarge"}, f.fail(6 * 1024 * 1024 + 99))
            self.assertEqual(6 * 1024 * 1024 + 98, len(f.invoke(6 * 1024 * 1024 + 98)))

    def test_example_greets(self):
        with open(os.path.join(EXAMPLES, "nodejs", "index.mjs")) as file:
            source = file.read()
        with self.esm(source) as f:
            self.assertEqual({"statusCode": 200, "body": '{"message":"Hello, DevCraftly!"}'}, f.invoke({"name": "DevCraftly"}))

    def test_module_kinds(self):
        esm, cjs = "export const handler = async () => 'esm';", "exports.handler = async () => 'cjs';"
        kinds = [({"index.mjs": esm}, "index.handler", "esm"), ({"index.cjs": cjs}, "index.handler", "cjs"),
                 ({"index.js": cjs}, "index.handler", "cjs"),
                 ({"index.js": esm, "package.json": '{"type":"module"}'}, "index.handler", "esm"),
                 ({"a/b/index.js": esm, "a/package.json": '{"type":"module"}'}, "a/b/index.handler", "esm"),
                 ({"index.js": cjs, "package.json": '{}'}, "index.handler", "cjs"),
                 ({"index.js": "exports.a = { b: async () => 'nested' };"}, "index.a.b", "nested"),
                 ({"node_modules/m/index.js": cjs, "index.js": "exports.handler = require('m').handler;"}, "index.handler", "cjs"),
                 ({"index.mjs": "const v = await Promise.resolve('top'); export const handler = () => Promise.resolve(v);"}, "index.handler", "top"),
                 ({"mod/index.js": cjs}, "mod.handler", "cjs")]
        for files, handler, expected in kinds:
            with self.subTest(files=files, handler=handler), Function(self.runtime, files, handler) as f:
                self.assertEqual(expected, f.invoke({}))

    def test_sdk_and_layers_for_both_module_kinds(self):
        layers = {"nodejs/node_modules/fromlayer/index.js": "exports.x = 1;",
                  "nodejs/node_modules/fromlayer/package.json": '{"main":"index.js"}'}
        body = "handler = async () => [S3Client.name, DynamoDBDocumentClient.name, layer.x]"
        esm = ("import { S3Client } from '@aws-sdk/client-s3'; import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';"
               "import layer from 'fromlayer'; export const " + body)
        cjs = ("const { S3Client } = require('@aws-sdk/client-s3'), { DynamoDBDocumentClient } = require('@aws-sdk/lib-dynamodb');"
               "const layer = require('fromlayer'); exports." + body)
        for files in ({"index.mjs": esm}, {"index.js": cjs}):
            with Function(self.runtime, files, layers=layers) as f:
                self.assertEqual(["S3Client", "DynamoDBDocumentClient", 1], f.invoke({}))

    def test_every_sdk_client_loads(self):
        names = ["client-lambda", "client-s3", "client-dynamodb", "lib-dynamodb", "client-sqs", "client-sns", "client-secrets-manager",
                 "client-ssm", "client-sts", "client-cloudwatch-logs", "client-eventbridge", "client-scheduler",
                 "s3-request-presigner", "credential-providers"]
        with self.cjs(f"exports.handler = async () => {json.dumps(names)}.map((n) => Object.keys(require('@aws-sdk/' + n)).length > 0);") as f:
            self.assertEqual([True] * len(names), f.invoke({}))

    def test_context_has_every_field(self):
        source = """export const handler = async (event, c) => {
            const ms = c.getRemainingTimeInMillis();
            return { name: c.functionName, version: c.functionVersion, arn: c.invokedFunctionArn, memory: c.memoryLimitInMB,
                id: c.awsRequestId, group: c.logGroupName, stream: c.logStreamName, ok: ms > 8000 && ms <= 10000,
                waits: c.callbackWaitsForEmptyEventLoop, client: c.clientContext, identity: c.identity }; };"""
        with self.esm(source) as f:
            expected = {"name": "f", "version": "$LATEST", "arn": ARN, "memory": "256", "id": FIRST_ID, "group": "/aws/lambda/f",
                        "stream": "2024/01/01/[$LATEST]abc", "ok": True, "waits": True}
            self.assertEqual(expected, f.invoke({}))
            got = f.invoke({}, {"Lambda-Runtime-Client-Context": '{"custom":{"k":"v"}}',
                                "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}'})
            self.assertEqual(({"custom": {"k": "v"}}, {"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}), (got["client"], got["identity"]))

    def test_environment_is_lambdas(self):
        with self.esm("export const handler = async () => [process.env, process.cwd(), process.getuid()];") as f:
            env, cwd, uid = f.invoke({})
            self.assertEqual(("/var/task", 1000), (cwd, uid))
            self.assertNotIn("_X_AMZN_TRACE_ID", env)
            self.assertEqual(f"AWS_Lambda_{self.runtime}", env["AWS_EXECUTION_ENV"])
            self.assertEqual("Root=1-a", f.invoke({}, {"Lambda-Runtime-Trace-Id": "Root=1-a"})[0]["_X_AMZN_TRACE_ID"])
            self.assertNotIn("_X_AMZN_TRACE_ID", f.invoke({})[0])

    def test_callback_styles(self):
        cases = {
            "callback": ("(e, c, cb) => cb(null, 'v')", "v"),
            "late callback": ("(e, c, cb) => { setTimeout(() => cb(null, 'v'), 20); }", "v"),
            "callback waits for the event loop": ("(e, c, cb) => { const r = []; setTimeout(() => r.push(1), 50); cb(null, r); }", [1]),
            "callback that does not wait": ("(e, c, cb) => { const r = []; c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => r.push(1), 50); cb(null, r); }", []),
            "context.succeed": ("(e, c) => { setInterval(() => {}, 1000); c.succeed('v'); }", "v"),
            "context.done": ("(e, c) => { c.done(null, 'v'); }", "v"),
            "nothing at all": ("() => {}", None),
            "promise that never settles": ("() => new Promise(() => {})", None),
            "thenable": ("() => ({ then: (ok) => ok('v') })", "v"),
            "undefined": ("async () => undefined", None),
            "function": ("async () => () => 1", None),
            "first answer counts": ("(e, c, cb) => { c.succeed('a'); cb(null, 'b'); c.fail('c'); }", "a"),
        }
        for name, (source, expected) in cases.items():
            with self.subTest(name), self.cjs(f"exports.handler = {source};") as f:
                self.assertEqual([expected] * 3, [f.invoke({}) for _ in range(3)])

    def test_failure_styles(self):
        cases = {
            "async throw": "async () => { throw new TypeError('bad\\nthing') }",
            "sync throw": "() => { throw new TypeError('bad\\nthing') }",
            "rejection": "() => Promise.reject(new TypeError('bad\\nthing'))",
            "callback": "(e, c, cb) => cb(new TypeError('bad\\nthing'))",
            "context.fail": "(e, c) => c.fail(new TypeError('bad\\nthing'))",
            "context.done": "(e, c) => c.done(new TypeError('bad\\nthing'))",
        }
        for name, source in cases.items():
            with self.subTest(name), self.cjs(f"exports.handler = {source};") as f:
                for _ in range(2):
                    fault = f.fail({})
                    self.assertEqual(("TypeError", "bad\nthing"), (fault["errorType"], fault["errorMessage"]))
                    self.assertEqual(["TypeError: bad", "thing"], fault["trace"][:2])
                    self.assertIn("/var/task/index.js:1:", fault["trace"][2])
                self.assertRegex(f.printed(), rf'^{STAMP}\t{FIRST_ID}\tERROR\tInvoke Error \t{{"errorType":"TypeError",.*"stack":\[')

    def test_thrown_strings_and_custom_errors(self):
        with self.cjs("exports.handler = (e, c, cb) => cb(e);") as f:
            self.assertEqual({"errorType": "string", "errorMessage": "text", "trace": []}, f.fail("text"))
            self.assertEqual({"errorType": "object", "errorMessage": "[object Object]", "trace": []}, f.fail({"a": 1}))
        with self.cjs("class Böse extends Error { constructor(m) { super(m); this.name = 'A\\r\\nB: c'; } }\nexports.handler = async () => { throw new Böse('m') };") as f:
            f.send({})
            _, headers, body = f.receive()
            self.assertEqual("A\r\nB: c", json.loads(body)["errorType"])
            self.assertNotIn("b", headers)

    def test_result_that_is_not_json(self):
        with self.cjs("exports.handler = async () => { const a = {}; a.a = a; return a; };") as f:
            fault = f.fail({})
            self.assertEqual(("Runtime.MarshalError", "Unable to stringify response body"), (fault["errorType"], fault["errorMessage"]))

    def assert_init_error(self, source, error_type, message, handler="index.handler", name="index.mjs"):
        with Function(self.runtime, {name: source}, handler) as f:
            fault = f.init_error()
            self.assertEqual((error_type, message), (fault["errorType"], fault["errorMessage"]))
            self.assertNotEqual(0, f.wait_exit())
            self.assertRegex(f.printed(), rf'^{STAMP}\tundefined\tERROR\tUncaught Exception \t{{"errorType":"{error_type}"')

    def test_init_errors(self):
        missing = "Error: Cannot find module 'missing'\nRequire stack:\n- /var/runtime/index.mjs"
        self.assert_init_error("", "Runtime.ImportModuleError", missing, "missing.handler")
        self.assert_init_error("require('gone')", "Runtime.ImportModuleError",
                               "Error: Cannot find module 'gone'\nRequire stack:\n- /var/task/index.js\n- /var/runtime/index.mjs", name="index.js")
        self.assert_init_error("import 'gone'", "Runtime.ImportModuleError",
                               "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'gone' imported from /var/task/index.mjs")
        self.assert_init_error("", "Runtime.HandlerNotFound", "index.handler is undefined or not exported")
        self.assert_init_error("export const handler = 1;", "Runtime.HandlerNotFound", "index.handler is not a function")
        self.assert_init_error("", "Runtime.MalformedHandlerName", "Bad handler", "index")
        self.assert_init_error("", "Runtime.MalformedHandlerName",
                               "'../index.handler' is not a valid handler name. Use absolute paths when specifying root directories in handler names.", "../index.handler")
        self.assert_init_error("export const = 1;", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token '='")
        self.assert_init_error("exports.a = = 1;", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token '='", name="index.js")
        self.assert_init_error("throw new RangeError('at init');", "RangeError", "at init")

    def test_unhandled_rejection_ends_the_process(self):
        with self.cjs("exports.handler = () => { Promise.reject(new Error('boom')); return new Promise((r) => setTimeout(r, 5000)); };") as f:
            fault = f.fail({})
            self.assertEqual(("Runtime.UnhandledPromiseRejection", "Error: boom"), (fault["errorType"], fault["errorMessage"]))
            self.assertEqual(("Error", "boom"), (fault["reason"]["errorType"], fault["reason"]["errorMessage"]))
            self.assertEqual(128, f.wait_exit())

    def test_uncaught_exception_ends_the_process(self):
        with self.cjs("exports.handler = () => { setTimeout(() => { throw new Error('later'); }, 1); return new Promise(() => {}); };") as f:
            fault = f.fail({})
            self.assertEqual(("Error", "later"), (fault["errorType"], fault["errorMessage"]))
            self.assertEqual(129, f.wait_exit())
        with self.cjs("exports.handler = async () => { setTimeout(() => { throw new Error('between'); }, 1); };") as f:
            f.invoke({})
            self.assertEqual(129, f.wait_exit())
            self.assertIn("between", f.printed())
            self.assertTrue(f.server.posts.empty())

    def test_process_exit_in_the_handler(self):
        with self.cjs("exports.handler = async () => process.exit(3);") as f:
            f.send({})
            self.assertEqual(3, f.wait_exit())

    def test_console_has_lambdas_form(self):
        with self.esm("console.log('at init'); export const handler = async () => { console.log('a %s\\nb', 1, { c: 2 }); console.warn('w');"
                      " console.error(new Error('e').message); console.debug('d'); console.info('i'); process.stdout.write('raw\\n'); };") as f:
            f.invoke({})
            lines = f.printed().split("\n")
            self.assertRegex(lines[0], rf"^{STAMP}\tundefined\tINFO\tat init$")
            self.assertRegex(lines[1], rf"^{STAMP}\t{FIRST_ID}\tINFO\ta 1\rb {{ c: 2 }}$")
            self.assertEqual(["WARN\tw", "ERROR\te", "DEBUG\td", "INFO\ti"], [line.split("\t", 2)[2] for line in lines[2:6]])
            self.assertEqual(["raw", ""], lines[6:])

    def test_json_format(self):
        with self.cjs("exports.handler = async () => { console.debug('no'); console.log('a %s', 1); console.warn({ k: 1 }); throw new Error('x'); };",
                      env={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}) as f:
            f.fail({})
            first, second, third = map(json.loads, f.printed().splitlines())
            self.assertEqual(("INFO", "a 1", FIRST_ID), tuple(first[k] for k in ("level", "message", "requestId")))
            self.assertEqual(("WARN", {"k": 1}), (second["level"], second["message"]))
            self.assertEqual(("ERROR", "Error", "x"), (third["level"], third["message"]["errorType"], third["message"]["errorMessage"]))

    def test_event_that_is_not_json(self):
        with self.esm(ECHO) as f:
            self.assertEqual("Runtime.UnmarshalError", f.fail(b"{")["errorType"])


class Node20Tests(NodeContract, unittest.TestCase):
    runtime = "nodejs20.x"


@unittest.skipUnless(os.path.isdir(os.path.join(os.environ["FNQ_TEST_RUNTIMES"], "nodejs22.x")), "nodejs22.x is built by ./fnq test --long only")
class Node22Tests(NodeContract, unittest.TestCase):
    runtime = "nodejs22.x"
