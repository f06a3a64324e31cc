using System.Diagnostics.Metrics;

namespace Fnq.Billing;

/// <summary>Billing's instruments. Backlog and lag are what an operator watches: both are zero when all is well.</summary>
internal sealed class BillingMeters
{
    public const string MeterName = "Fnq.Billing";

    private readonly Meter _meter;

    public BillingMeters(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        Published = _meter.CreateCounter<long>("fnq.billing.records.published", "{record}", "Records that the broker has confirmed");
        PublishFailures = _meter.CreateCounter<long>("fnq.billing.publish.failures", "{batch}", "Batches that were not confirmed and stay in the journal");
        TornSegments = _meter.CreateCounter<long>("fnq.billing.journal.torn", "{segment}", "Segments that ended in an incomplete record");
        Recorded = _meter.CreateCounter<long>("fnq.billing.records.recorded", "{record}", "Records written to the database");
        Duplicates = _meter.CreateCounter<long>("fnq.billing.records.duplicates", "{record}", "Records that were there already");
        Dead = _meter.CreateCounter<long>("fnq.billing.records.dead", "{message}", "Messages that could not be read");
        Lag = _meter.CreateHistogram<double>("fnq.billing.recorder.lag", "s", "From the start of a batch's first run to its commit");
    }

    public Counter<long> Published { get; }
    public Counter<long> PublishFailures { get; }
    public Counter<long> TornSegments { get; }
    public Counter<long> Recorded { get; }
    public Counter<long> Duplicates { get; }
    public Counter<long> Dead { get; }
    public Histogram<double> Lag { get; }

    public void ObserveBacklog(Func<long> bytes) =>
        _meter.CreateObservableGauge("fnq.billing.journal.backlog", bytes, "By", "Journal bytes that the broker has not confirmed");
}
