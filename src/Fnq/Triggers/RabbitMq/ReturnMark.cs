using System.Buffers;
using System.Text;

namespace Fnq.Triggers.RabbitMq;

/// <summary>
/// What a message carries while it comes back: how often it was received, and properties of its publisher that would lead the
/// broker astray meanwhile. A publisher may forge it, and then deceives nobody but the listener of that message.
/// </summary>
/// <param name="Queue">The one that it is counted for: in another queue, as behind dead letters, counting begins anew.</param>
/// <param name="Returns">How often it came back.</param>
/// <param name="Id">Of a message that has none of its own.</param>
/// <param name="FirstReceivedAt">In Unix milliseconds.</param>
internal sealed record ReturnMark(string Queue, int Returns, string Id, long FirstReceivedAt)
{
    public const string CountHeader = "x-fnq-receive-count";
    private const string MarkHeader = "x-fnq-return";
    private const byte Persistent = 2;

    /// <summary>The broker copies a message to the queues that these name.</summary>
    private static readonly string[] Routes = ["CC", "BCC"];

    /// <summary>Written at each death; the broker drops a message that seems to go round in a circle by them.</summary>
    private static readonly string[] Deaths = ["x-death", "x-first-death-", "x-last-death-"];

    /// <summary>Would expire it on its way, be refused by the broker, or be another: set aside.</summary>
    private static readonly (HeadField Field, string Name)[] Aside =
        [(HeadField.Expiration, "expiration"), (HeadField.UserId, "user-id"), (HeadField.DeliveryMode, "delivery-mode")];

    private List<HeaderEntry> Entries { get; init; } = [];

    /// <summary>The message was returned to the queue that it now comes from.</summary>
    private bool IsOwn => Returns > 0;

    public static ReturnMark First(string queue, DateTimeOffset now) => new(queue, 0, Guid.NewGuid().ToString(), now.ToUnixTimeMilliseconds());

    public static ReturnMark Read(IReadOnlyList<HeaderEntry> headers, string queue, DateTimeOffset now)
    {
        var first = First(queue, now);
        if (headers.FirstOrDefault(header => header.Name == MarkHeader) is not { Value: { Type: 'F', Bytes: var table } })
        {
            return first;
        }

        var entries = HeaderTable.Read(table);
        var count = headers.FirstOrDefault(header => header.Name == CountHeader).Value.Whole ?? 0;
        var isOwn = Find(entries, "queue")?.Text == queue && count > 0;
        return first with
        {
            Entries = entries,
            Returns = isOwn ? (int)Math.Min(count, 1_000_000) : 0,
            Id = Find(entries, "id")?.Text is { Length: > 0 and <= 64 } id ? id : first.Id,
            FirstReceivedAt = isOwn && Find(entries, "first")?.Whole is > 0 and { } at && at < first.FirstReceivedAt ? at : first.FirstReceivedAt,
        };
    }

    public MessageHead Restore(MessageHead head) => Entries.Count == 0
        ? head
        : Aside.Aggregate(head, (restored, each) => restored.With(each.Field, Find(Entries, each.Name) switch
        {
            { Type: 'S', Bytes: { Length: <= byte.MaxValue } bytes } when each.Field != HeadField.DeliveryMode => bytes.ToArray(),
            { Type: 'B', Bytes: var octet } when each.Field == HeadField.DeliveryMode => octet.ToArray(),
            _ => head[each.Field],
        }));

    /// <summary>Without Fnq's own, and without the deaths of the way back.</summary>
    public IReadOnlyList<HeaderEntry> Restore(IReadOnlyList<HeaderEntry> headers)
    {
        var came = headers.Where(header => header.Name is not (CountHeader or MarkHeader) && !(IsOwn && IsDeath(header.Name)));
        var setAside = Find(Entries, "headers") is { Type: 'F', Bytes: var table } ? HeaderTable.Read(table) : [];
        return [.. came, .. setAside.Where(header => IsOwn || !IsDeath(header.Name))];
    }

    /// <summary>The properties that a message is returned with.</summary>
    public byte[] Write(MessageHead head, IReadOnlyList<HeaderEntry> headers)
    {
        var (setAside, table, mark) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        foreach (var header in headers)
        {
            (Routes.Contains(header.Name) || IsDeath(header.Name) ? setAside : table).Write(header.Whole.Span);
        }

        HeaderTable.Add(mark, "queue", 'S', Encoding.UTF8.GetBytes(Queue));
        HeaderTable.Add(mark, "id", 'S', Encoding.UTF8.GetBytes(Id));
        HeaderTable.Add(mark, "first", FirstReceivedAt);
        HeaderTable.Add(mark, "headers", 'F', setAside.WrittenSpan);
        foreach (var (field, name) in Aside)
        {
            if (head[field] is { } value)
            {
                HeaderTable.Add(mark, name, field == HeadField.DeliveryMode ? 'B' : 'S', value);
            }
        }

        HeaderTable.Add(table, CountHeader, Returns + 1);
        HeaderTable.Add(table, MarkHeader, 'F', mark.WrittenSpan);
        return head.With(HeadField.Expiration, null).With(HeadField.UserId, null)
            .With(HeadField.DeliveryMode, [Persistent]).With(HeadField.Headers, table.WrittenSpan.ToArray()).Write();
    }

    private static bool IsDeath(string name) => Array.Exists(Deaths, death => name.StartsWith(death, StringComparison.Ordinal));

    private static HeaderValue? Find(List<HeaderEntry> entries, string name)
    {
        foreach (var entry in entries)
        {
            if (entry.Name == name)
            {
                return entry.Value;
            }
        }

        return null;
    }
}
