using System.Text.Json;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>The filters of a mapping: a message passes when one of them matches its record. Pure.</summary>
internal sealed class MessageFilter(IEventShape shape, IReadOnlyList<string> patterns)
{
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = 1_000 };
    private readonly List<EventPattern> _patterns = [.. patterns.Select(EventPattern.Parse).OfType<EventPattern>()];

    /// <param name="record">Of the message, as the function would get it.</param>
    /// <param name="body">Its body as it came.</param>
    public bool Passes(ReadOnlyMemory<byte> record, ReadOnlyMemory<byte> body)
    {
        if (patterns.Count == 0)
        {
            return true;
        }

        using var document = JsonDocument.Parse(record, Reading);
        using var inside = _patterns.Exists(pattern => pattern.LooksInto(shape.BodyMember)) ? TryRead(body) : null;
        try
        {
            return _patterns.Exists(pattern => pattern.Matches(document.RootElement, shape.BodyMember, inside?.RootElement ?? default));
        }
        catch (InvalidOperationException)
        {
            return false; // A name or a text with half a surrogate pair.
        }
    }

    /// <summary>Null for what is no JSON: no pattern that looks into it matches.</summary>
    private static JsonDocument? TryRead(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body, Reading);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
