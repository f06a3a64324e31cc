namespace Fnq.Execution;

/// <summary>
/// How many environments fit on this node: by count, and by the memory that they are expected to use, which is what
/// environments of the same deployment were seen to use and not what they are allowed to.
/// </summary>
internal sealed class WorkerCapacity(WorkerOptions options)
{
    private readonly Lock _gate = new();
    private long _reservedMb;
    private int _environments;

    public bool TryReserve(int expectedMb)
    {
        lock (_gate)
        {
            if (_environments >= options.MaxEnvironments || _reservedMb + expectedMb > options.MemoryMb)
            {
                return false;
            }

            _environments++;
            _reservedMb += expectedMb;
            return true;
        }
    }

    public void Release(int expectedMb)
    {
        lock (_gate)
        {
            _environments--;
            _reservedMb -= expectedMb;
        }
    }

    public bool HasRoomFor(int expectedMb)
    {
        lock (_gate)
        {
            return _environments < options.MaxEnvironments && _reservedMb + expectedMb <= options.MemoryMb;
        }
    }
}
