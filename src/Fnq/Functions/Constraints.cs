using System.Text.RegularExpressions;
using Fnq.AwsApi;

namespace Fnq.Functions;

/// <summary>Gathers violations in Smithy's sentence form; all of a request's are reported together.</summary>
internal sealed class Constraints
{
    private const string Sensitive = "*** Sensitive ***";
    private readonly List<string> _violations = [];

    public Constraints NotNull(string path, object? value)
    {
        if (value is null)
        {
            Add(path, null, "not be null");
        }

        return this;
    }

    public Constraints Length(string path, string? value, int minimum, int maximum)
    {
        if (value is not null)
        {
            AddIf(value.Length > maximum, path, value, $"have length less than or equal to {maximum}");
            AddIf(value.Length < minimum, path, value, $"have length greater than or equal to {minimum}");
        }

        return this;
    }

    public Constraints Pattern(string path, string? value, Regex pattern, string asAwsWritesIt)
    {
        AddIf(value is not null && !pattern.IsMatch(value), path, value, $"satisfy regular expression pattern: {asAwsWritesIt}");
        return this;
    }

    public Constraints Range(string path, int? value, int minimum, int maximum)
    {
        AddIf(value > maximum, path, value?.ToString(), $"have value less than or equal to {maximum}");
        AddIf(value < minimum, path, value?.ToString(), $"have value greater than or equal to {minimum}");
        return this;
    }

    public Constraints OneOf(string path, string? value, params string[] allowed)
    {
        AddIf(value is not null && !allowed.Contains(value), path, value, $"satisfy enum value set: [{string.Join(", ", allowed)}]");
        return this;
    }

    public Constraints Count<T>(string path, IReadOnlyCollection<T>? values, int minimum, int maximum)
    {
        if (values is not null)
        {
            AddIf(values.Count > maximum, path, Render(values), $"have length less than or equal to {maximum}");
            AddIf(values.Count < minimum, path, Render(values), $"have length greater than or equal to {minimum}");
        }

        return this;
    }

    public Constraints Each(string path, IReadOnlyCollection<string>? values, Func<string, bool> holds, string constraints)
    {
        AddIf(values is not null && !values.All(value => value is not null && holds(value)), path, Render(values ?? []), $"satisfy constraint: [{constraints}]");
        return this;
    }

    public Constraints Keys(string path, IReadOnlyDictionary<string, string>? map, Func<string, bool> holds, string constraints, bool isSecret = false)
    {
        AddIf(map is not null && !map.Keys.All(holds), path, isSecret ? Sensitive : Render(map!), $"Map keys must satisfy constraint: [{constraints}]", bare: true);
        return this;
    }

    public Constraints Values(string path, IReadOnlyDictionary<string, string>? map, Func<string, bool> holds, string constraints, bool isSecret = false)
    {
        AddIf(
            map is not null && !map.Values.All(value => value is not null && holds(value)),
            path, isSecret ? Sensitive : Render(map!), $"Map value must satisfy constraint: [{constraints}]", bare: true);
        return this;
    }

    public AwsException? Error() => _violations.Count switch
    {
        0 => null,
        1 => FunctionErrors.Validation("1 validation error detected: " + _violations[0]),
        var n => FunctionErrors.Validation($"{n} validation errors detected: {string.Join("; ", _violations)}"),
    };

    public void ThrowIfAny()
    {
        if (Error() is { } error)
        {
            throw error;
        }
    }

    public static string Sentence(string path, string? value, string constraint) =>
        $"Value {(value is null ? "null" : $"'{value}'")} at '{path}' failed to satisfy constraint: {constraint}";

    private void AddIf(bool violated, string path, string? value, string constraint, bool bare = false)
    {
        if (violated)
        {
            Add(path, value, constraint, bare);
        }
    }

    private void Add(string path, string? value, string constraint, bool bare = false) =>
        _violations.Add(Sentence(path, value, bare ? constraint : "Member must " + constraint));

    /// <summary>As Java prints collections: that is what AWS's sentences hold.</summary>
    private static string Render<T>(IReadOnlyCollection<T>? values) =>
        values is IReadOnlyDictionary<string, string> map
            ? $"{{{string.Join(", ", map.Select(pair => $"{pair.Key}={pair.Value}"))}}}"
            : $"[{string.Join(", ", values ?? [])}]";
}
