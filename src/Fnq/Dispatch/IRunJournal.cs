using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>Where a run's record is safe against kill -9 once the task has completed. Implemented by Billing.</summary>
public interface IRunJournal
{
    ValueTask AppendAsync(InvocationRecord record);

    /// <summary>False: no run may begin, since its record might not be kept. Asked before every run, so it answers from memory.</summary>
    bool HasRoom => true;
}
