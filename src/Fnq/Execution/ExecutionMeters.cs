using System.Diagnostics;
using System.Diagnostics.Metrics;
using Fnq.Contracts;

namespace Fnq.Execution;

/// <summary>Instruments of the worker. Labels are few: no function names, which would be without bound.</summary>
internal sealed class ExecutionMeters
{
    public const string Name = "Fnq.Execution";
    private readonly int[] _phases = new int[Enum.GetValues<EnvironmentPhase>().Length];
    private readonly Counter<long> _coldStarts;
    private readonly Histogram<double> _init;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _queueWait;
    private readonly Counter<long> _errors;

    public ExecutionMeters(IMeterFactory factory)
    {
        var meter = factory.Create(Name);
        _coldStarts = meter.CreateCounter<long>("fnq.environment.cold_starts", "{start}");
        _init = meter.CreateHistogram<double>("fnq.environment.init.duration", "s");
        _duration = meter.CreateHistogram<double>("fnq.run.duration", "s");
        _queueWait = meter.CreateHistogram<double>(
            "fnq.invocation.queue_wait", "s", "From the acceptance of an invocation to the beginning of its run, a cold start included");
        _errors = meter.CreateCounter<long>("fnq.run.errors", "{run}");
        meter.CreateObservableUpDownCounter("fnq.environments", Phases, "{environment}");
    }

    public void PhaseChanged(EnvironmentPhase? from, EnvironmentPhase to)
    {
        if (from is { } old)
        {
            Interlocked.Decrement(ref _phases[(int)old]);
        }

        // What is over is no environment any more.
        if (to is not (EnvironmentPhase.Stopped or EnvironmentPhase.Faulted))
        {
            Interlocked.Increment(ref _phases[(int)to]);
        }
    }

    public void Started(TimeSpan init, bool succeeded)
    {
        _coldStarts.Add(1);
        _init.Record(init.TotalSeconds, new KeyValuePair<string, object?>("succeeded", succeeded));
    }

    /// <summary>The acceptance is another node's clock, perhaps: a wait is never negative.</summary>
    public void Waited(TimeSpan wait) => _queueWait.Record(Math.Max(wait.TotalSeconds, 0));

    public void Ran(TimeSpan duration, RunOutcome outcome)
    {
        _duration.Record(duration.TotalSeconds);
        if (outcome != RunOutcome.Succeeded)
        {
            _errors.Add(1, new TagList { { "outcome", outcome.ToString() } });
        }
    }

    private IEnumerable<Measurement<int>> Phases()
    {
        foreach (var phase in Enum.GetValues<EnvironmentPhase>())
        {
            if (phase is not (EnvironmentPhase.Stopped or EnvironmentPhase.Faulted))
            {
                yield return new Measurement<int>(Volatile.Read(ref _phases[(int)phase]), new KeyValuePair<string, object?>("phase", phase.ToString()));
            }
        }
    }
}
