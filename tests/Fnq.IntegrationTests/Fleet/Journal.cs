using System.Collections.Concurrent;
using System.Net;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>One call as the client saw it.</summary>
internal sealed record Call(string Function, DateTimeOffset SentAt, DateTimeOffset AnsweredAt, Answer Answer)
{
    public override string ToString() => $"{Function} {(int)Answer.Status} after {Answer.Took.TotalMilliseconds:0} ms: {Answer.Body}";
}

/// <summary>The clients' own account of every call that they made.</summary>
internal sealed class Journal
{
    private readonly ConcurrentQueue<Call> _calls = new();

    public IReadOnlyList<Call> Calls => [.. _calls];

    public int Count => _calls.Count;

    public async Task<Call> CallAsync(FunctionClient client, string function, object payload)
    {
        var sentAt = TimeProvider.System.GetUtcNow();
        var answer = await client.InvokeAsync(function, payload);
        var call = new Call(function, sentAt, TimeProvider.System.GetUtcNow(), answer);
        _calls.Enqueue(call);
        return call;
    }

    public IReadOnlyList<Call> With(HttpStatusCode status) => [.. Calls.Where(call => call.Answer.Status == status)];

    public string Summary() => string.Join(", ", Calls.GroupBy(call => (int)call.Answer.Status).OrderBy(group => group.Key).Select(group => $"{group.Count()} x {group.Key}"));
}
