using System.Diagnostics.Metrics;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>Counts what callers got, wherever it ran. No function names: labels have to be few.</summary>
internal sealed class InvocationMeters
{
    public const string Name = "Fnq.Invocations";
    private static readonly KeyValuePair<string, object?>[] Outcomes = Labels<RunOutcome>();
    private static readonly KeyValuePair<string, object?>[] Statuses = Labels<DispatchStatus>();
    private readonly Counter<long> _invocations;

    public InvocationMeters(IMeterFactory factory) => _invocations = factory.Create(Name).CreateCounter<long>(
        "fnq.invocations", "{invocation}", "Invocations by how their run ended, or by why there was none");

    public void Answered(InvocationResult result) => _invocations.Add(
        1, result.Status == DispatchStatus.Completed ? Outcomes[(int)result.Outcome] : Statuses[(int)result.Status]);

    /// <summary>Made once: the warm path only picks one.</summary>
    private static KeyValuePair<string, object?>[] Labels<T>()
        where T : struct, Enum
    {
        var values = Enum.GetValues<T>();
        var labels = new KeyValuePair<string, object?>[values.Max(value => Convert.ToInt32(value)) + 1];
        foreach (var value in values)
        {
            labels[Convert.ToInt32(value)] = new("outcome", value.ToString());
        }

        return labels;
    }
}
