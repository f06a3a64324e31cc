using Fnq.Billing;
using Xunit;

namespace Fnq.Tests.Billing;

public sealed class BackoffTests
{
    [Fact]
    public void Tries_back_off_to_five_seconds_and_no_further()
    {
        Assert.Equal(TimeSpan.FromMilliseconds(100), Backoff.Delay(1, 0));
        Assert.Equal(TimeSpan.FromMilliseconds(200), Backoff.Delay(2, 0));
        Assert.Equal(TimeSpan.FromSeconds(5), Backoff.Delay(1_000, 0));
        Assert.Equal(TimeSpan.FromSeconds(3), Backoff.Delay(1_000, 0.8));
    }
}
