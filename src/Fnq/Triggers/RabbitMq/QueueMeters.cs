using System.Diagnostics.Metrics;

namespace Fnq.Triggers.RabbitMq;

/// <summary>What becomes of messages of users' queues.</summary>
internal sealed class QueueMeters
{
    private readonly Counter<long> _messages;
    private readonly Counter<long> _batches;

    public QueueMeters(IMeterFactory factory)
    {
        var meter = factory.Create("Fnq.Triggers");
        _messages = meter.CreateCounter<long>("fnq.queue.messages", "{message}", "Messages of users' queues by what became of them");
        _batches = meter.CreateCounter<long>("fnq.queue.batches", "{batch}", "Batches that functions were invoked with");
    }

    public void Batch() => _batches.Add(1);

    public void Processed(int count) => Count(count, "processed");

    public void Filtered() => Count(1, "filtered");

    public void Returned(int count) => Count(count, "returned");

    public void Rejected(int count) => Count(count, "rejected");

    private void Count(int count, string outcome)
    {
        if (count > 0)
        {
            _messages.Add(count, new KeyValuePair<string, object?>("outcome", outcome));
        }
    }
}
