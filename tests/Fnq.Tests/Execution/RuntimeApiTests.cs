using System.Text;
using Fnq.Contracts;
using Fnq.Execution;
using Xunit;

namespace Fnq.Tests.Execution;

/// <summary>Each test is a runtime that does something out of order; what it saw is asserted outside.</summary>
public sealed class RuntimeApiTests : IAsyncDisposable
{
    private readonly EnvironmentHarness _harness = new();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task A_second_response_is_refused_and_the_first_wins()
    {
        var (answers, result) = await PlayAsync(async (client, id, killed) =>
        [
            await client.ReplyAsync(id, "1", killed),
            await client.ReplyAsync(id, "2", killed),
            await client.SendAsync("POST", $"invocation/{id}/error", "3", "", killed),
        ]);
        Assert.Equal("1", result);
        Assert.Equal([(202, "{\"status\":\"OK\"}\n"), (403, Refused), (403, Refused)], answers.Select(a => (a.Status, a.Body)));
    }

    [Fact]
    public async Task A_wrong_request_id_is_refused()
    {
        var (answers, result) = await PlayAsync(async (client, id, killed) =>
        [
            await client.ReplyAsync(Guid.NewGuid().ToString(), "1", killed),
            await client.ReplyAsync("x", "1", killed),
            await client.ReplyAsync(id, "2", killed),
        ]);
        Assert.Equal("2", result);
        Assert.Equal([400, 400, 202], answers.Select(a => a.Status));
        Assert.Equal("{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n", answers[0].Body);
    }

    [Fact]
    public async Task Next_is_refused_while_an_event_is_out()
    {
        var (answers, _) = await PlayAsync(async (client, id, killed) => [await client.NextAsync(killed), await client.ReplyAsync(id, "2", killed)]);
        Assert.Equal([403, 202], answers.Select(a => a.Status));
    }

    [Fact]
    public async Task Unknown_paths_and_ping_and_a_late_init_error_have_their_answers()
    {
        var (answers, _) = await PlayAsync(async (client, id, killed) =>
        [
            await client.SendAsync("GET", "../ping", null, "", killed),
            await client.SendAsync("GET", "../../2020-01-01/extension/event/next", null, "", killed),
            await client.SendAsync("POST", "invocation/next", "1", "", killed),
            await client.SendAsync("POST", "init/error", "1", "", killed),
            await client.ReplyAsync(id, "1", killed),
        ]);
        Assert.Equal([200, 404, 404, 403, 202], answers.Select(a => a.Status));
        Assert.Equal("pong", answers[0].Body);
        Assert.StartsWith("{\"errorMessage\":\"", answers[1].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_response_of_the_limit_passes()
    {
        var limit = "\"" + new string('x', RunErrors.MaxPayloadBytes - 2) + "\"";
        var (fits, result) = await PlayAsync(async (client, id, killed) => [await client.ReplyAsync(id, limit, killed)]);
        Assert.Equal((202, limit.Length), (fits[0].Status, result.Length));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_larger_response_fails_the_run(bool isChunked)
    {
        var (answers, result) = await PlayAsync(async (client, id, killed) =>
        {
            const int size = 6_291_556 + 1;
            await client.SendRawAsync($"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\n", killed);
            await client.SendRawAsync(isChunked ? $"Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n" : $"Content-Length: {size}\r\n\r\n", killed);
            await client.SendRawAsync(new string('x', size) + (isChunked ? "\r\n0\r\n\r\n" : ""), killed);
            return [await client.ReadAsync(killed)];
        });
        Assert.Equal(413, answers[0].Status);
        Assert.Equal("{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}\n", answers[0].Body);
        Assert.Equal(
            """{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}""",
            result);
        Assert.Equal(RunOutcome.ResponseTooLarge, _harness.Records[0].Outcome);
    }

    [Fact]
    public async Task A_response_that_breaks_off_can_be_posted_again()
    {
        var (answers, result) = await PlayAsync(async (client, id, killed) =>
        {
            using (var broken = new RuntimeClient(_harness.Sandbox))
            {
                await broken.SendRawAsync($"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12", killed);
            }

            RawAnswer answer;
            do
            {
                // Until the server has noticed that the other connection is gone.
                answer = await client.ReplyAsync(id, "3", killed);
            }
            while (answer.Status == 403);
            return [answer];
        });
        Assert.Equal((202, "3"), (answers[0].Status, result));
    }

    [Fact]
    public async Task The_seventeenth_connection_is_closed()
    {
        var environment = await _harness.StartAsync(Runtimes.Echo);
        var clients = Enumerable.Range(0, 15).Select(_ => new RuntimeClient(_harness.Sandbox)).ToList();
        foreach (var client in clients)
        {
            Assert.Equal(200, (await client.SendAsync("GET", "../ping", null, "", default)).Status);
        }

        using var surplus = new RuntimeClient(_harness.Sandbox);
        await Assert.ThrowsAnyAsync<IOException>(() => surplus.SendAsync("GET", "../ping", null, "", default));
        Assert.Equal("5", Encoding.UTF8.GetString((await environment.InvokeAsync(EnvironmentHarness.Request("5"), default)).Payload.Span));
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Headers_beyond_their_limit_are_refused()
    {
        var (answers, _) = await PlayAsync(async (client, id, killed) =>
        {
            using var other = new RuntimeClient(_harness.Sandbox);
            var large = await other.SendAsync("GET", "../ping", null, $"X-Large: {new string('x', 70_000)}\r\n", killed);
            return [large, await client.ReplyAsync(id, "1", killed)];
        });
        Assert.Equal([431, 202], answers.Select(a => a.Status));
    }

    private const string Refused = "{\"errorMessage\":\"State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}\n";

    /// <summary>One run; the runtime does what it is told between the event and the end.</summary>
    private async Task<(IReadOnlyList<RawAnswer> Answers, string Result)> PlayAsync(
        Func<RuntimeClient, string, CancellationToken, Task<IReadOnlyList<RawAnswer>>> runtime)
    {
        var played = new TaskCompletionSource<IReadOnlyList<RawAnswer>>();
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            try
            {
                using var client = new RuntimeClient(sandbox);
                var next = await client.NextAsync(killed);
                played.TrySetResult(await runtime(client, next.RequestId, killed));
            }
            catch (Exception e)
            {
                played.TrySetException(e);
            }
        });
        var result = await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        return (await played.Task.WaitAsync(TimeSpan.FromSeconds(20)), Encoding.UTF8.GetString(result.Payload.Span));
    }
}
