namespace Fnq.Triggers.RabbitMq;

/// <summary>A message, the name that a function may call it by, and its part of the event.</summary>
internal sealed record BatchItem(QueueMessage Message, string Id, byte[] Record);

/// <summary>Messages that a function gets together. Pure.</summary>
/// <param name="countMax">Of messages.</param>
internal sealed class MessageBatch(int countMax)
{
    /// <summary>AWS's limit on the event of a synchronous invocation, with room for what is around the records.</summary>
    public const int BytesMax = (6 << 20) - 4_096;

    private readonly List<BatchItem> _items = [];
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private int _bytes;

    public IReadOnlyList<BatchItem> Items => _items;

    public IReadOnlySet<string> Ids => _ids;

    public bool IsFull => _items.Count >= countMax;

    /// <summary>Two messages of one id would be one to the function.</summary>
    public bool Has(string id) => _ids.Contains(id);

    /// <summary>False when it does not fit. The first one always does.</summary>
    public bool TryAdd(BatchItem item)
    {
        if (IsFull || (_items.Count > 0 && _bytes + item.Record.Length + 1 > BytesMax) || !_ids.Add(item.Id))
        {
            return false;
        }

        _items.Add(item);
        _bytes += item.Record.Length + 1;
        return true;
    }
}
