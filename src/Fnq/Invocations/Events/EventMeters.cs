using System.Diagnostics.Metrics;

namespace Fnq.Invocations.Events;

/// <summary>What becomes of asynchronous events.</summary>
internal sealed class EventMeters
{
    private readonly Counter<long> _accepted;
    private readonly Counter<long> _finished;
    private readonly Counter<long> _delayed;
    private readonly Counter<long> _undelivered;

    public EventMeters(IMeterFactory factory)
    {
        var meter = factory.Create("Fnq.Events");
        _accepted = meter.CreateCounter<long>("fnq.events.accepted", "{event}", "Events that are durable, by trigger");
        _finished = meter.CreateCounter<long>("fnq.events.finished", "{event}", "Events with an outcome, by condition");
        _delayed = meter.CreateCounter<long>("fnq.events.delayed", "{event}", "Attempts that are made again later");
        _undelivered = meter.CreateCounter<long>("fnq.events.destination.failures", "{event}", "Outcomes that a destination did not take");
    }

    public void Accepted(string trigger) => _accepted.Add(1, new KeyValuePair<string, object?>("trigger", trigger));

    public void Finished(string condition) => _finished.Add(1, new KeyValuePair<string, object?>("condition", condition));

    public void Delayed() => _delayed.Add(1);

    public void Undelivered() => _undelivered.Add(1);
}
