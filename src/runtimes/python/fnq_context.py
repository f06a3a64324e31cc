"""The context object that a handler gets as its second argument."""
import os
import sys
import time

_environ = os.environ.get


class CognitoIdentity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, fields):
        self.cognito_identity_id = fields.get("cognitoIdentityId")
        self.cognito_identity_pool_id = fields.get("cognitoIdentityPoolId")

    def __repr__(self):
        return _describe(self, self.__slots__)


class Client:
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __init__(self, fields):
        for name in self.__slots__:
            setattr(self, name, fields.get(name))

    def __repr__(self):
        return _describe(self, self.__slots__)


class ClientContext:
    __slots__ = ("custom", "env", "client")

    def __init__(self, fields):
        self.custom = fields.get("custom")
        self.env = fields.get("env")
        self.client = Client(fields["client"]) if isinstance(fields.get("client"), dict) else None

    def __repr__(self):
        return _describe(self, self.__slots__)


class LambdaContext:
    # What is the same for every invocation of an environment.
    function_name = _environ("AWS_LAMBDA_FUNCTION_NAME")
    function_version = _environ("AWS_LAMBDA_FUNCTION_VERSION")
    memory_limit_in_mb = _environ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = _environ("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = _environ("AWS_LAMBDA_LOG_STREAM_NAME")

    def __init__(self, headers, parse):
        header = headers.get
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = header("lambda-runtime-invoked-function-arn")
        self.tenant_id = header("lambda-runtime-aws-tenant-id")
        self._epoch_deadline_time_in_ms = int(header("lambda-runtime-deadline-ms", 0))
        client = header("lambda-runtime-client-context")
        identity = header("lambda-runtime-cognito-identity")
        # Header values were read as latin-1; their bytes are UTF-8.
        self.client_context = ClientContext(parse(client.encode("latin-1"))) if client else None
        self.identity = CognitoIdentity(parse(identity.encode("latin-1")) if identity else {})

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return _describe(self, (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id"))


def _describe(instance, names):
    return f"{type(instance).__name__}([{','.join(f'{n}={getattr(instance, n)!s}' for n in names)}])"
