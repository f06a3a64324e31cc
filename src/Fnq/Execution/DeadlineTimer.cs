namespace Fnq.Execution;

/// <summary>
/// One timer for a row of deadlines. Arming and disarming write a field; the timer itself is only touched when it would
/// fire too late, so an environment that runs 10,000 short invocations within its timeout re-arms it once or twice.
/// </summary>
internal sealed class DeadlineTimer : IDisposable
{
    private const long None = long.MaxValue;
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Action _passed;
    private readonly ITimer _timer;
    private long _deadline = None;
    private long _scheduled = None;

    public DeadlineTimer(TimeProvider time, Action passed)
    {
        _time = time;
        _passed = passed;
        _timer = time.CreateTimer(static state => ((DeadlineTimer)state!).Fire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public bool IsArmed => Volatile.Read(ref _deadline) != None;

    public void Arm(TimeSpan after)
    {
        var deadline = _time.GetTimestamp() + (long)(after.TotalSeconds * _time.TimestampFrequency);
        lock (_gate)
        {
            _deadline = deadline;
            if (deadline < _scheduled)
            {
                _scheduled = deadline;
                _timer.Change(after, Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Disarm() => Volatile.Write(ref _deadline, None);

    public void Dispose() => _timer.Dispose();

    private void Fire()
    {
        lock (_gate)
        {
            _scheduled = None;
            if (_deadline == None)
            {
                return;
            }

            var now = _time.GetTimestamp();
            if (_deadline > now)
            {
                _scheduled = _deadline;
                // Rounded up to the timer's millisecond: a tick too early would only fire twice.
                _timer.Change(_time.GetElapsedTime(now, _deadline) + TimeSpan.FromMilliseconds(0.5), Timeout.InfiniteTimeSpan);
                return;
            }

            _deadline = None;
        }

        _passed();
    }
}
