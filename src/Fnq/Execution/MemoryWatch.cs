using Fnq.Execution.Sandboxes;

namespace Fnq.Execution;

/// <summary>
/// Reads a sandbox's memory figures. They cost file reads, and the peak only grows, so a row of short successful runs
/// shares one reading; a run that took longer or failed gets its own.
/// </summary>
internal sealed class MemoryWatch(ISandbox sandbox, TimeProvider time)
{
    private static readonly TimeSpan ReadingAge = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongRun = TimeSpan.FromMilliseconds(10);
    private readonly Lock _gate = new();
    private SandboxUsage _last;
    private long _readAt;

    public SandboxUsage Read(bool force, TimeSpan duration)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            if (!force && duration < LongRun && _readAt != 0 && time.GetElapsedTime(_readAt, now) < ReadingAge)
            {
                return _last;
            }

            try
            {
                _last = sandbox.ReadUsage();
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
            {
                // The sandbox is gone with its counters: the last reading stands.
            }

            _readAt = now;
            return _last;
        }
    }
}
