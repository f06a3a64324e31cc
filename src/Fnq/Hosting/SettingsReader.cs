using System.Text.RegularExpressions;

namespace Fnq.Hosting;

/// <summary>Reads settings and gathers what is wrong with them, so that one start reports all problems.</summary>
internal sealed class SettingsReader(IReadOnlyDictionary<string, string?> environment)
{
    private readonly List<string> _problems = [];

    public string? Optional(string name) =>
        environment.TryGetValue(name, out var value) && !string.IsNullOrWhiteSpace(value) ? value : null;

    public string Text(string name, string otherwise) => Optional(name) ?? otherwise;

    public string Url(string name, params string[] schemes) => Checked(name, Optional(name), schemes);

    public string UrlOr(string otherwise, string name, params string[] schemes) => Checked(name, Text(name, otherwise), schemes);

    public int Number(string name, int otherwise, int least, int most)
    {
        if (Optional(name) is not { } text)
        {
            return otherwise;
        }

        if (int.TryParse(text, out var number) && number >= least && number <= most)
        {
            return number;
        }

        _problems.Add($"{name} is '{text}': it must be a whole number from {least} to {most}");
        return otherwise;
    }

    public bool Switch(string name, bool otherwise) => Optional(name) switch
    {
        null => otherwise,
        "on" or "true" or "1" => true,
        "off" or "false" or "0" => false,
        var text => Wrong($"{name} is '{text}': it must be on or off", otherwise),
    };

    /// <summary>The first choice is the default.</summary>
    public string OneOf(string name, params string[] choices) =>
        Optional(name) is not { } text ? choices[0]
        : choices.Contains(text) ? text
        : Wrong($"{name} is '{text}': it must be one of {string.Join(", ", choices)}", choices[0]);

    public string Matching(string name, string otherwise, string pattern, string inWords)
    {
        var text = Text(name, otherwise);
        return Regex.IsMatch(text, pattern) ? text : Wrong($"{name} is '{text}': it must be {inWords}", otherwise);
    }

    public IReadOnlyList<string> Set(string name, string? given, IReadOnlyList<string> all)
    {
        string[] chosen = [.. (given ?? Optional(name) ?? string.Join(',', all))
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()];
        var unknown = chosen.Except(all).ToList();
        return unknown.Count == 0 && chosen.Length > 0
            ? chosen
            : Wrong($"{name} has '{string.Join(',', unknown)}': roles are {string.Join(", ", all)}", all);
    }

    /// <summary>A value of any type; null from <paramref name="parse"/> is wrong.</summary>
    public T Parsed<T>(string name, T otherwise, Func<string, T?> parse, string inWords) where T : class =>
        Optional(name) is not { } text ? otherwise : parse(text) ?? Wrong($"{name} is '{text}': it must be {inWords}", otherwise);

    /// <summary>A rule that concerns more than one setting.</summary>
    public void Refuse(bool isWrong, string problem)
    {
        if (isWrong)
        {
            _problems.Add(problem);
        }
    }

    public void ThrowIfWrong()
    {
        if (_problems.Count > 0)
        {
            throw new SettingsException(_problems);
        }
    }

    private string Checked(string name, string? value, string[] schemes) =>
        Uri.TryCreate(value, UriKind.Absolute, out var uri) && schemes.Contains(uri.Scheme)
            ? value
            : Wrong($"{name} must be set, as {schemes[0]}://user:password@host:port/…; `./fnq up` does it", "");

    private T Wrong<T>(string problem, T otherwise)
    {
        _problems.Add(problem);
        return otherwise;
    }
}

internal sealed class SettingsException(IReadOnlyList<string> problems) : Exception(string.Join(Environment.NewLine, problems));
