using Fnq.Execution;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class DeadlineTimerTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Fires_at_the_last_deadline_that_was_armed_and_only_once()
    {
        var fired = 0;
        using var timer = new DeadlineTimer(_time, () => fired++);
        timer.Arm(TimeSpan.FromSeconds(3));
        _time.Advance(TimeSpan.FromSeconds(2));
        timer.Disarm();
        timer.Arm(TimeSpan.FromSeconds(3));
        _time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.Equal(0, fired);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, fired);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(1, fired);
    }

    [Fact]
    public void A_shorter_deadline_takes_over_and_a_disarmed_one_never_fires()
    {
        var fired = 0;
        using var timer = new DeadlineTimer(_time, () => fired++);
        timer.Arm(TimeSpan.FromSeconds(10));
        timer.Arm(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, fired);
        timer.Arm(TimeSpan.FromSeconds(1));
        timer.Disarm();
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, fired);
    }
}
