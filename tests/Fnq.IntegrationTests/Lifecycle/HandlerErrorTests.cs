using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Lifecycle;

/// <summary>What a caller gets when the function itself fails: the shapes of each runtime.</summary>
[Collection(Platform.Collection)]
public sealed class HandlerErrorTests(Platform platform)
{
    private const string Python = """
        class Refused(Exception): pass
        runs = 0
        def handler(event, context):
            global runs
            runs += 1
            match event.get("do"):
                case "raise": raise Refused("no \"way\"")
                case "set": return {1, 2}
                case "nan": return float("nan")
            return runs
        """;

    private const string Node = """
        class Refused extends Error { constructor(m) { super(m); this.name = 'Refused'; } }
        let runs = 0;
        exports.handler = (event, context, callback) => {
          runs++;
          switch (event.do) {
            case 'throw': throw new Refused('no way');
            case 'callback': return callback(new Refused('by callback'));
            case 'reject': return Promise.reject(new Refused('rejected'));
            case 'text': return callback('only text');
            case 'circular': { const loop = {}; loop.loop = loop; return callback(null, loop); }
          }
          callback(null, runs);
        };
        """;

    [Fact]
    public async Task A_Python_exception_has_its_type_message_and_trace()
    {
        var name = await platform.Api.DeployAsync(Python);
        var failed = await platform.Api.InvokeTailAsync(name, """{"do":"raise"}""");
        Assert.Equal((200, "Unhandled"), (failed.Status, failed.FunctionError));
        var expected = new JsonObject
        {
            ["errorMessage"] = "no \"way\"",
            ["errorType"] = "Refused",
            ["requestId"] = failed.RequestId,
            ["stackTrace"] = new JsonArray("  File \"/var/task/app.py\", line 7, in handler\n    case \"raise\": raise Refused(\"no \\\"way\\\"\")\n"),
        };
        Assert.Equal(expected.ToJsonString(), failed.Json!.ToJsonString());
        Assert.Contains("[ERROR] Refused: no \"way\"\rTraceback (most recent call last):\r", failed.LogTail, StringComparison.Ordinal);
        Assert.Null(Reports.Of(failed.LogTail).Status);
        Assert.Equal(2, (int)await platform.Api.CallAsync(name));
    }

    [Fact]
    public async Task A_Python_result_that_is_no_JSON_is_a_marshal_error()
    {
        var name = await platform.Api.DeployAsync(Python);
        var error = await platform.Api.FailAsync(name, """{"do":"set"}""");
        Assert.Equal("Runtime.MarshalError", (string?)error["errorType"]);
        Assert.Equal("Unable to marshal response: Object of type set is not JSON serializable", (string?)error["errorMessage"]);
        Assert.Equal(2, (int)await platform.Api.CallAsync(name));
    }

    [Theory]
    [InlineData("throw", "Refused", "no way")]
    [InlineData("callback", "Refused", "by callback")]
    [InlineData("reject", "Refused", "rejected")]
    [InlineData("text", "string", "only text")]
    public async Task A_Node_error_has_its_name_message_and_trace(string how, string type, string message)
    {
        var name = await platform.Api.DeployAsync(Node, null, "nodejs20.x", "index.js", "index.handler");
        var error = (await platform.Api.FailAsync(name, $$"""{"do":"{{how}}"}""")).AsObject();
        Assert.Equal(["errorType", "errorMessage", "trace"], error.Select(member => member.Key));
        Assert.Equal((type, message), ((string?)error["errorType"], (string?)error["errorMessage"]));
        if (type == "Refused")
        {
            Assert.Equal($"Refused: {message}", (string?)error["trace"]![0]);
            Assert.StartsWith("    at ", (string?)error["trace"]![1], StringComparison.Ordinal);
        }

        Assert.Equal(2, (int)await platform.Api.CallAsync(name));
    }

    [Fact]
    public async Task A_Node_result_that_is_no_JSON_is_an_error()
    {
        var name = await platform.Api.DeployAsync(Node, null, "nodejs20.x", "index.js", "index.handler");
        var error = await platform.Api.FailAsync(name, """{"do":"circular"}""");
        Assert.Equal(("Runtime.MarshalError", "Unable to stringify response body"), ((string?)error["errorType"], (string?)error["errorMessage"]));
        Assert.Equal(2, (int)await platform.Api.CallAsync(name));
    }
}
