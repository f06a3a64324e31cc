using Fnq.AwsApi;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace Fnq.Tests.AwsApi;

public sealed class BodyBudgetTests
{
    private const int Large = 400_000;
    private readonly BodyBudget _budget = new(1_000_000);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bodies_together_hold_no_more_than_the_budget_and_give_it_back(bool isAnnounced)
    {
        List<Answering> open = [new(), new()];
        foreach (var request in open)
        {
            await ReadAsync(request, isAnnounced);
        }

        var held = _budget.Held;
        Assert.InRange(held, 2 * (Large - BodyBudget.FreeBytes), 1_000_000);
        var refused = await Assert.ThrowsAsync<AwsException>(() => ReadAsync(new Answering(), isAnnounced));
        Assert.Equal((429, 1), (refused.Status, refused.RetryAfterSeconds));

        open.ForEach(request => request.End());
        await ReadAsync(new Answering(), isAnnounced);
        Assert.InRange(_budget.Held, 1, held);
    }

    [Fact]
    public async Task Small_bodies_are_not_counted()
    {
        await ReadAsync(new Answering(), isAnnounced: true, BodyBudget.FreeBytes);
        Assert.Equal(0, _budget.Held);
    }

    private async Task ReadAsync(Answering request, bool isAnnounced, int bytes = Large)
    {
        request.Http.Request.ContentLength = isAnnounced ? bytes : null;
        request.Http.Request.Body = new MemoryStream(new byte[bytes]);
        Assert.Equal(bytes, (await RequestBody.ReadAsync(request.Http, null, Large, _budget)).Length);
    }

    private sealed class Answering : HttpResponseFeature
    {
        private readonly List<(Func<object, Task> Callback, object State)> _completed = [];

        public Answering()
        {
            Http = new DefaultHttpContext();
            Http.Features.Set<IHttpResponseFeature>(this);
        }

        public HttpContext Http { get; }

        public override void OnCompleted(Func<object, Task> callback, object state) => _completed.Add((callback, state));

        public void End() => _completed.ForEach(entry => entry.Callback(entry.State).Wait());
    }
}
