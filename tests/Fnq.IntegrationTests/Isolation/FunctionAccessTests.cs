using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Fnq's own API inside a sandbox, with nothing but the variables that a function is given.</summary>
[Collection(Platform.Collection)]
public sealed class FunctionAccessTests(Platform platform)
{
    private const string CallerArn = "arn:aws:sts::123456789012:assumed-role/lambda-basic-exec/";

    private const string Boto = """
        import boto3, os, socket
        from botocore.config import Config
        from botocore.exceptions import ClientError
        config = Config(retries={'total_max_attempts': 1}, connect_timeout=3)

        def variables(event):
            return {k: os.environ[k] for k in ('AWS_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')}

        def crowd(event):
            sockets = [socket.create_connection(('127.0.0.1', 9002)) for _ in range(24)]
            open_now = 0
            for s in sockets:
                s.settimeout(1)
                try:
                    open_now += s.recv(1) != b''
                except TimeoutError:
                    open_now += 1
                except ConnectionError:
                    pass
            for s in sockets:
                s.close()
            return open_now

        def handler(event, context):
            if event.get('call') in ('variables', 'crowd'):
                return globals()[event['call']](event)
            try:
                client = boto3.client(event['service'], config=config, **event.get('client', {}))
                answer = getattr(client, event['call'])(**event.get('arguments', {}))
                if 'Payload' in answer:
                    answer['Payload'] = answer['Payload'].read().decode()
                answer.pop('ResponseMetadata')
                return answer
            except ClientError as e:
                return {**e.response['Error'], 'Status': e.response['ResponseMetadata']['HTTPStatusCode']}
        """;

    [Theory]
    [InlineData("filtered")]
    [InlineData("none")]
    public async Task An_sdk_call_works_with_the_variables_that_a_function_is_given(string egress)
    {
        var (function, other) = (await DeployAsync(egress), await platform.Api.DeployAsync("def handler(event, context):\n    return event['n'] + 1"));

        var identity = await CallAsync(function, "sts", "get_caller_identity");
        Assert.Equal(("123456789012", CallerArn + function), ((string?)identity["Account"], (string?)identity["Arn"]));
        Assert.Matches("^AROA[A-Z2-7]{17}:" + function, (string?)identity["UserId"]);
        var invoked = await CallAsync(function, "lambda", "invoke", new JsonObject { ["FunctionName"] = other, ["Payload"] = "{\"n\": 41}" });
        Assert.Equal("42", (string?)invoked["Payload"]);
    }

    [Fact]
    public async Task A_function_may_do_nothing_else()
    {
        var function = await DeployAsync("none");
        (string Call, JsonObject Arguments, string Resource)[] forbidden =
        [
            ("create_function", new()
            {
                ["FunctionName"] = "made-inside", ["Runtime"] = "python3.13", ["Handler"] = "a.b", ["Role"] = LambdaApi.Role,
                ["Code"] = new JsonObject { ["S3Bucket"] = "bucket", ["S3Key"] = "key" },
            }, "*"),
            ("get_function", new() { ["FunctionName"] = function }, Arn(function)),
            ("update_function_configuration", new() { ["FunctionName"] = function, ["Timeout"] = 900 }, Arn(function)),
            ("delete_function", new() { ["FunctionName"] = function }, Arn(function)),
            ("list_functions", [], "*"),
            ("tag_resource", new() { ["Resource"] = Arn(function), ["Tags"] = new JsonObject { ["fnq:egress"] = "filtered" } }, Arn(function)),
        ];

        foreach (var (call, arguments, resource) in forbidden)
        {
            var answer = await CallAsync(function, "lambda", call, arguments);
            var action = "lambda:" + string.Concat(call.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
            Assert.Equal((403, "AccessDeniedException"), ((int?)answer["Status"], (string?)answer["Code"]));
            Assert.Equal(
                $"User: {CallerArn}{function} is not authorized to perform: {action} on resource: {resource} "
                + $"because no identity-based policy allows the {action} action", (string?)answer["Message"]);
        }

        // Another account is refused as it is to anybody.
        var stranger = await CallAsync(function, "lambda", "invoke", new JsonObject { ["FunctionName"] = Arn(function).Replace("123456789012", "999999999999") });
        Assert.Equal((403, "AccessDeniedException"), ((int?)stranger["Status"], (string?)stranger["Code"]));
    }

    [Fact]
    public async Task Credentials_work_only_as_they_were_given()
    {
        var function = await DeployAsync("none");
        var given = (await platform.Api.CallAsync(function, """{"call": "variables"}""")).AsObject();
        string id = (string)given["AWS_ACCESS_KEY_ID"]!, secret = (string)given["AWS_SECRET_ACCESS_KEY"]!, token = (string)given["AWS_SESSION_TOKEN"]!;
        Assert.Equal("http://127.0.0.1:9002", (string?)given["AWS_ENDPOINT_URL"]);
        Assert.StartsWith("ASIA", id, StringComparison.Ordinal);

        async Task<JsonNode> As(string key, string secretKey, string? session) => await CallAsync(function, "sts", "get_caller_identity", client: new()
        {
            ["aws_access_key_id"] = key, ["aws_secret_access_key"] = secretKey, ["aws_session_token"] = session,
        });
        Assert.Equal(CallerArn + function, (string?)(await As(id, secret, token))["Arn"]);
        Assert.Equal("InvalidClientTokenId", (string?)(await As(id, secret, null))["Code"]);
        Assert.Equal("InvalidClientTokenId", (string?)(await As(id, secret, token[..^4] + (token.EndsWith("AAA=", StringComparison.Ordinal) ? "BBB=" : "AAA=")))["Code"]);
        Assert.Equal("InvalidClientTokenId", (string?)(await As(Platform.AccessKeyId, Platform.Secret, token))["Code"]);
        Assert.Equal("SignatureDoesNotMatch", (string?)(await As(id, secret[..^1] + (secret[^1] == 'A' ? 'B' : 'A'), token))["Code"]);
        Assert.DoesNotContain(secret, platform.Server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(token, platform.Server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_environment_has_more_connections_to_the_api_than_its_limit()
    {
        var function = await DeployAsync("none");

        Assert.Equal(16, (int)(await platform.Api.CallAsync(function, """{"call": "crowd"}"""))!);
        Assert.Equal(CallerArn + function, (string?)(await CallAsync(function, "sts", "get_caller_identity"))["Arn"]);
    }

    private static string Arn(string function) => $"arn:aws:lambda:us-east-1:123456789012:function:{function}";

    private Task<string> DeployAsync(string egress) => platform.Api.DeployAsync(Boto, request =>
    {
        request["MemorySize"] = 512;
        request["Timeout"] = 30;
        request["Tags"] = new JsonObject { ["fnq:egress"] = egress };
    });

    private Task<JsonNode> CallAsync(string function, string service, string call, JsonObject? arguments = null, JsonObject? client = null) =>
        platform.Api.CallAsync(function, new JsonObject
        {
            ["service"] = service, ["call"] = call, ["arguments"] = arguments ?? [], ["client"] = client ?? [],
        }.ToJsonString());
}
