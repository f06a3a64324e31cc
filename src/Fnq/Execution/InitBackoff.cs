namespace Fnq.Execution;

/// <summary>How a runtime process ended, or why there is none.</summary>
/// <param name="Status">An exit code, or minus the signal number.</param>
/// <param name="Errno">Set when it could not be started.</param>
/// <param name="Posted">The error that it reported of its initialisation.</param>
internal readonly record struct ProcessEnd(int Status, int? Errno, bool IsOutOfMemory = false, RunEnd? Posted = null);

/// <summary>
/// Keeps a deployment whose runtime ends during every init from starting processes as fast as it is called. From the
/// third failure in a row on, no process is started for a while; who calls in that time is answered with what the last
/// one failed of. One try follows each pause, and one that succeeds ends it.
/// </summary>
internal sealed class InitBackoff(TimeProvider time)
{
    public const int FailuresBeforePause = 3;

    /// <summary>Doubles with every further failure, up to the longest: short enough for a cause that goes away.</summary>
    public static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private int _failures;
    private long _failedAt;
    private ProcessEnd _last;

    /// <summary>The end that stands for another try, and how long until there may be one; null: start it.</summary>
    public (ProcessEnd Last, TimeSpan Left)? Ask()
    {
        lock (_gate)
        {
            if (_failures < FailuresBeforePause)
            {
                return null;
            }

            var left = Pause(_failures) - time.GetElapsedTime(_failedAt);
            if (left > TimeSpan.Zero)
            {
                return (_last, left);
            }

            // This one tries; others that ask before its end find the pause begun anew.
            _failedAt = time.GetTimestamp();
            return null;
        }
    }

    public void Failed(ProcessEnd end)
    {
        lock (_gate)
        {
            _failures++;
            _failedAt = time.GetTimestamp();
            _last = end;
        }
    }

    public void Succeeded()
    {
        lock (_gate)
        {
            _failures = 0;
            _last = default;
        }
    }

    internal static TimeSpan Pause(int failures)
    {
        var doublings = Math.Clamp(failures - FailuresBeforePause, 0, 10);
        var pause = FirstPause * (1 << doublings);
        return pause < LongestPause ? pause : LongestPause;
    }
}
