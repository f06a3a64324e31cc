using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>The environments of one deployment on this worker.</summary>
internal sealed class MembersHere
{
    private readonly Lock _gate = new();
    private readonly HashSet<ILaneMember> _members = [];

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _members.Count == 0;
            }
        }
    }

    public void Add(ILaneMember member)
    {
        lock (_gate)
        {
            _members.Add(member);
        }
    }

    /// <summary>True when it was the last.</summary>
    public bool Remove(ILaneMember member)
    {
        lock (_gate)
        {
            return _members.Remove(member) && _members.Count == 0;
        }
    }

    public bool Has(ILaneMember member)
    {
        lock (_gate)
        {
            return _members.Contains(member);
        }
    }

    public IReadOnlyList<ILaneMember> All()
    {
        lock (_gate)
        {
            return [.. _members];
        }
    }
}
