using System.Text.RegularExpressions;

namespace Fnq.Execution.RuntimeApi;

/// <summary>What a runtime says about its error's type is believed only if it looks like one.</summary>
internal static partial class RuntimeErrorType
{
    private const int MaxLength = 128;

    public static string Validate(string claimed) =>
        claimed.Length <= MaxLength && Pattern.IsMatch(claimed) ? claimed
        : claimed.StartsWith("Function.", StringComparison.Ordinal) ? "Function.Unknown"
        : "Runtime.Unknown";

    [GeneratedRegex(@"\A(Runtime|Function)\.[A-Z][a-zA-Z]+\z")]
    private static partial Regex Pattern { get; }
}
