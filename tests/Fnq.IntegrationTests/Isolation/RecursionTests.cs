using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that call themselves without end.</summary>
[Collection(Platform.Collection)]
public sealed class RecursionTests(Platform platform)
{
    private const int Limit = 16;

    /// <summary>Each level returns how deep it got and what stopped the chain. With <c>strip</c> the trace header is not passed on.</summary>
    private const string Code = """
        import { LambdaClient, InvokeCommand } from '@aws-sdk/client-lambda';
        const client = new LambdaClient({ maxAttempts: 1 });
        client.middlewareStack.add(next => async args => {
          if (globalThis.strip) delete args.request.headers['X-Amzn-Trace-Id'];
          return next(args);
        }, { step: 'finalizeRequest', priority: 'high' });
        export const handler = async (event, context) => {
          globalThis.strip = event.strip;
          const depth = event.depth ?? 0;
          if (depth > 20) return { depth, stopped: 'never' };
          try {
            const answer = await client.send(new InvokeCommand({
              FunctionName: context.functionName, Payload: JSON.stringify({ ...event, depth: depth + 1 }) }));
            return JSON.parse(Buffer.from(answer.Payload).toString());
          } catch (e) {
            return { depth, stopped: e.name, status: e.$metadata?.httpStatusCode, message: e.message, trace: process.env._X_AMZN_TRACE_ID };
          }
        };
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task H38_a_function_that_invokes_itself_is_stopped_at_sixteen_hops_with_and_without_its_trace_header(bool strip)
    {
        var function = await platform.Api.DeployAsync(
            Code, request => (request["Timeout"], request["MemorySize"]) = (90, 256), "nodejs20.x", "index.mjs", "index.handler");

        var ended = await platform.Api.CallAsync(function, new JsonObject { ["strip"] = strip }.ToJsonString());

        Assert.Equal((Limit - 1, "RecursiveInvocationException", 400), ((int)ended["depth"]!, (string?)ended["stopped"], (int)ended["status"]!));
        Assert.StartsWith("Lambda has detected your function being invoked in a recursive loop", (string?)ended["message"], StringComparison.Ordinal);
        Assert.EndsWith($":{Limit - 1}", (string?)ended["trace"], StringComparison.Ordinal);

        // The chain is over: the next one begins anew.
        Assert.Equal(Limit - 1, (int)(await platform.Api.CallAsync(function, new JsonObject { ["strip"] = strip }.ToJsonString()))["depth"]!);
    }

    [Fact]
    public async Task H38_the_header_alone_is_enough_for_a_caller_with_a_key_of_its_own()
    {
        var function = await platform.Api.DeployAsync("def handler(event, context):\n    return 1");
        const string root = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:2d8c5b6e:";

        Assert.Equal(200, (await platform.Api.InvokeAsync(function, "{}", new Dictionary<string, string> { ["X-Amzn-Trace-Id"] = root + "3" })).Status);
        var stopped = await platform.Api.InvokeAsync(function, "{}", new Dictionary<string, string> { ["X-Amzn-Trace-Id"] = root + "15" });
        Assert.Equal((400, "RecursiveInvocationException", "User"), (stopped.Status, stopped.ErrorType, (string?)stopped.Json!["Type"]));
    }
}
