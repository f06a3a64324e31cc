using System.Diagnostics.Metrics;

namespace Fnq.Schedules;

/// <summary>What becomes of due times.</summary>
internal sealed class ScheduleMeters
{
    private readonly Counter<long> _failed;
    private readonly Histogram<double> _lag;

    public ScheduleMeters(IMeterFactory factory)
    {
        var meter = factory.Create("Fnq.Schedules");
        _lag = meter.CreateHistogram<double>("fnq.schedules.lag", "s", "From a due time until its event was durable");
        _failed = meter.CreateCounter<long>("fnq.schedules.failed", "{event}", "Due times whose event could not be published");
    }

    public void Published(TimeSpan lag) => _lag.Record(lag.TotalSeconds);

    public void Failed() => _failed.Add(1);
}
