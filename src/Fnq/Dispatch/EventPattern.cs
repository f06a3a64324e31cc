using System.Text.Json;

namespace Fnq.Dispatch;

/// <summary>
/// A pattern of EventBridge's language, as filters of event source mappings have it: exact, prefix, suffix, anything-but,
/// exists, numeric, equals-ignore-case and $or. Pure.
/// </summary>
internal sealed class EventPattern
{
    /// <summary>AWS's limit on a pattern's text.</summary>
    public const int TextMax = 4_096;
    private const int DepthMax = 16;
    private const string Or = "$or";
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    private readonly Dictionary<string, Field> _fields = [];
    private readonly List<EventPattern> _alternatives = [];

    private EventPattern()
    {
    }

    /// <summary>Null for what is no pattern.</summary>
    public static EventPattern? Parse(string text)
    {
        if (text.Length > TextMax)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text, Strict);
            return Read(document.RootElement, DepthMax);
        }
        catch (Exception bad) when (bad is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Whether the pattern looks into this member of the event, as into an object.</summary>
    public bool LooksInto(string member) =>
        _fields.TryGetValue(member, out var field) ? field.Inner is not null : _alternatives.Exists(each => each.LooksInto(member));

    /// <param name="value">The event.</param>
    /// <param name="replaced">A member of the event that has another value for patterns that look into it; null when there is none.</param>
    /// <param name="replacement">That value; undefined when there is none to look into, and then no such pattern matches.</param>
    public bool Matches(JsonElement value, string? replaced = null, JsonElement replacement = default) => value.ValueKind switch
    {
        JsonValueKind.Object => MatchesObject(value, replaced, replacement),
        JsonValueKind.Array => value.EnumerateArray().Any(each => each.ValueKind == JsonValueKind.Object && MatchesObject(each, null, default)),
        _ => AllAbsent(),
    };

    private bool MatchesObject(JsonElement value, string? replaced, JsonElement replacement)
    {
        foreach (var (name, field) in _fields)
        {
            JsonElement? member = value.TryGetProperty(name, out var found) ? found : null;
            var isReplaced = name == replaced && field.Inner is not null;
            if (isReplaced ? replacement.ValueKind == JsonValueKind.Undefined || !field.Matches(replacement) : !field.Matches(member))
            {
                return false;
            }
        }

        return _alternatives.Count == 0 || _alternatives.Exists(each => each.Matches(value, replaced, replacement));
    }

    /// <summary>Nothing is there to look into: only what must not exist holds.</summary>
    private bool AllAbsent() =>
        _fields.Values.All(field => field.Matches(null)) && (_alternatives.Count == 0 || _alternatives.Exists(each => each.AllAbsent()));

    private static EventPattern Read(JsonElement pattern, int depth)
    {
        Require(pattern.ValueKind == JsonValueKind.Object && depth > 0);
        var read = new EventPattern();
        foreach (var member in pattern.EnumerateObject())
        {
            if (member.Name == Or && member.Value.ValueKind == JsonValueKind.Array)
            {
                Require(member.Value.GetArrayLength() > 1);
                read._alternatives.AddRange(member.Value.EnumerateArray().Select(each => Read(each, depth - 1)));
                continue;
            }

            read._fields[member.Name] = member.Value.ValueKind == JsonValueKind.Array
                ? new Field(null, [.. member.Value.EnumerateArray().Select(PatternRule.Read)])
                : new Field(Read(member.Value, depth - 1), []);
            Require(read._fields[member.Name] is { Inner: not null } or { Rules.Count: > 0 });
        }

        Require(read._fields.Count > 0 || read._alternatives.Count > 0);
        return read;
    }

    private static void Require(bool holds)
    {
        if (!holds)
        {
            throw new FormatException("No pattern");
        }
    }

    /// <summary>Either what is inside, or rules of which one has to hold.</summary>
    private sealed record Field(EventPattern? Inner, IReadOnlyList<PatternRule> Rules)
    {
        public bool Matches(JsonElement? value) =>
            Inner is { } inner ? value is { } into ? inner.Matches(into) : inner.AllAbsent()
            : value is not { } given ? Rules.Any(rule => rule.HoldsForNothing)
            : given.ValueKind == JsonValueKind.Array ? given.EnumerateArray().Any(each => Rules.Any(rule => rule.Holds(each)))
                || Rules.Any(rule => rule.HoldsForAnything)
            : Rules.Any(rule => rule.Holds(given));
    }
}
