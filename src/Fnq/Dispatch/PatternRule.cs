using System.Text.Json;

namespace Fnq.Dispatch;

/// <summary>One entry of a list in an <see cref="EventPattern"/>: a value, or an object with the name of a comparison.</summary>
/// <param name="Holds">For a value that is there and is no list.</param>
/// <param name="HoldsForNothing">When there is no value.</param>
/// <param name="HoldsForAnything">When there is any value, a list too.</param>
internal sealed record PatternRule(Func<JsonElement, bool> Holds, bool HoldsForNothing = false, bool HoldsForAnything = false)
{
    private const double NumberMax = 5.0e9;

    /// <exception cref="FormatException">It is no rule.</exception>
    public static PatternRule Read(JsonElement rule)
    {
        if (rule.ValueKind != JsonValueKind.Object)
        {
            return new(Equal(rule));
        }

        if (rule.EnumerateObject().ToList() is not [var only])
        {
            throw Wrong();
        }

        return only.Name switch
        {
            "exists" => Exists(only.Value),
            "prefix" => new(Text(only.Value, static (text, with) => text.StartsWith(with, StringComparison.Ordinal), "prefix")),
            "suffix" => new(Text(only.Value, static (text, with) => text.EndsWith(with, StringComparison.Ordinal), "suffix")),
            "equals-ignore-case" => new(IgnoreCase(only.Value)),
            "anything-but" => new(AnythingBut(only.Value)),
            "numeric" => new(Numeric(only.Value)),
            _ => throw Wrong(),
        };
    }

    private static PatternRule Exists(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => new(static each => each.ValueKind != JsonValueKind.Object, HoldsForAnything: true),
        JsonValueKind.False => new(static _ => false, HoldsForNothing: true),
        _ => throw Wrong(),
    };

    private static Func<JsonElement, bool> Equal(JsonElement wanted)
    {
        switch (wanted.ValueKind)
        {
            case JsonValueKind.String:
                var text = wanted.GetString();
                return value => value.ValueKind == JsonValueKind.String && ReadText(value) == text;
            case JsonValueKind.Number:
                var number = wanted.GetDouble();
                return value => value.ValueKind == JsonValueKind.Number && value.GetDouble().Equals(number);
            case JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null:
                var kind = wanted.ValueKind;
                return value => value.ValueKind == kind;
            default:
                throw Wrong();
        }
    }

    private static Func<JsonElement, bool> IgnoreCase(JsonElement wanted)
    {
        var text = TextOf(wanted);
        return value => value.ValueKind == JsonValueKind.String && string.Equals(ReadText(value), text, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A text, or an object that says to ignore case.</summary>
    private static Func<JsonElement, bool> Text(JsonElement given, Func<string, string, bool> holds, string name)
    {
        var ignoresCase = given.ValueKind == JsonValueKind.Object;
        var with = ignoresCase
            ? given.EnumerateObject().ToList() is [{ Name: "equals-ignore-case", Value: var inner }] ? TextOf(inner).ToUpperInvariant() : throw Wrong()
            : TextOf(given);
        if (with.Length == 0)
        {
            throw new FormatException($"An empty {name}");
        }

        return value => value.ValueKind == JsonValueKind.String && ReadText(value) is { } text && holds(ignoresCase ? text.ToUpperInvariant() : text, with);
    }

    /// <summary>Of a value that is there.</summary>
    private static Func<JsonElement, bool> AnythingBut(JsonElement given)
    {
        var refused = given.ValueKind switch
        {
            JsonValueKind.Array when given.GetArrayLength() > 0 => given.EnumerateArray().Select(PlainRule).ToList(),
            JsonValueKind.Object => [.. Negated(given)],
            JsonValueKind.String or JsonValueKind.Number => [Equal(given)],
            _ => throw Wrong(),
        };
        return value => value.ValueKind != JsonValueKind.Object && !refused.Exists(rule => rule(value));
    }

    private static Func<JsonElement, bool> PlainRule(JsonElement value) =>
        value.ValueKind is JsonValueKind.String or JsonValueKind.Number ? Equal(value) : throw Wrong();

    private static IEnumerable<Func<JsonElement, bool>> Negated(JsonElement given)
    {
        if (given.EnumerateObject().ToList() is not [{ Name: "prefix" or "suffix" or "equals-ignore-case" } only])
        {
            throw Wrong();
        }

        // A list means none of them, and each is a rule by itself.
        JsonElement[] values = only.Value.ValueKind == JsonValueKind.Array ? [.. only.Value.EnumerateArray()] : [only.Value];
        return values.Length == 0 ? throw Wrong() : values.Select(value => only.Name switch
        {
            "prefix" => Text(value, static (text, with) => text.StartsWith(with, StringComparison.Ordinal), "prefix"),
            "suffix" => Text(value, static (text, with) => text.EndsWith(with, StringComparison.Ordinal), "suffix"),
            _ => IgnoreCase(value),
        });
    }

    /// <summary>One comparison, or two that make a range.</summary>
    private static Func<JsonElement, bool> Numeric(JsonElement given)
    {
        if (given.ValueKind != JsonValueKind.Array || given.GetArrayLength() is not (2 or 4))
        {
            throw Wrong();
        }

        var parts = given.EnumerateArray().ToArray();
        var first = Comparison(parts[0], parts[1]);
        if (parts.Length == 2)
        {
            return value => value.ValueKind == JsonValueKind.Number && first(value.GetDouble());
        }

        if (TextOf(parts[0]) is not (">" or ">=") || TextOf(parts[2]) is not ("<" or "<="))
        {
            throw Wrong();
        }

        var second = Comparison(parts[2], parts[3]);
        return value => value.ValueKind == JsonValueKind.Number && value.GetDouble() is var number && first(number) && second(number);
    }

    private static Func<double, bool> Comparison(JsonElement sign, JsonElement limit)
    {
        var to = limit.ValueKind == JsonValueKind.Number ? limit.GetDouble() : throw Wrong();
        if (to is not (>= -NumberMax and <= NumberMax))
        {
            throw Wrong();
        }

        return TextOf(sign) switch
        {
            "=" => number => number.Equals(to),
            "<" => number => number < to,
            "<=" => number => number <= to,
            ">" => number => number > to,
            ">=" => number => number >= to,
            _ => throw Wrong(),
        };
    }

    private static string TextOf(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong();

    /// <summary>Null for half a surrogate pair, which is no text and equals none.</summary>
    private static string? ReadText(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static FormatException Wrong() => new("No rule of a pattern");
}
