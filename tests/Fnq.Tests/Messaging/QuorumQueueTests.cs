using System.Text;
using Fnq.Billing;
using Xunit;

namespace Fnq.Tests.Billing;

public sealed class RecordQueueTests
{
    [Theory]
    [InlineData("3.10.8", false)]
    [InlineData("3.13.7", false)]
    [InlineData("4.0.5", true)]
    [InlineData("4.1.0-rc.1", true)]
    public void Only_a_broker_that_has_a_default_delivery_limit_is_told_to_have_none(string version, bool told)
    {
        var server = RecordQueue.ServerVersion(new Dictionary<string, object?> { ["version"] = Encoding.UTF8.GetBytes(version) });

        Assert.Equal(told, RecordQueue.QueueArguments(server).ContainsKey("x-delivery-limit"));
    }

    [Fact]
    public void Tries_back_off_to_five_seconds_and_no_further()
    {
        Assert.Equal(TimeSpan.FromMilliseconds(100), Backoff.Delay(1, 0));
        Assert.Equal(TimeSpan.FromMilliseconds(200), Backoff.Delay(2, 0));
        Assert.Equal(TimeSpan.FromSeconds(5), Backoff.Delay(1_000, 0));
        Assert.Equal(TimeSpan.FromSeconds(3), Backoff.Delay(1_000, 0.8));
    }
}
