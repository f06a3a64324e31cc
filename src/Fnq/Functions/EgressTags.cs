using Fnq.AwsApi;
using Fnq.Dispatch;

namespace Fnq.Functions;

/// <summary>The tags that decide what a function may reach. Unlike all others they matter at run time.</summary>
internal static class EgressTags
{
    public const string Mode = "fnq:egress";

    /// <summary><c>CIDR[:port]</c> separated by spaces.</summary>
    public const string Allow = "fnq:egress-allow";

    public static AwsException? Check(IReadOnlyDictionary<string, string> tags)
    {
        if (ModeOf(tags) is { } mode && !EgressMode.All.Contains(mode))
        {
            return FunctionErrors.InvalidParameter($"Tag '{Mode}' is '{mode}': it must be one of {string.Join(", ", EgressMode.All)}");
        }

        return EgressRule.ParseList(tags.GetValueOrDefault(Allow, "")) is null
            ? FunctionErrors.InvalidParameter(
                $"Tag '{Allow}' must be IPv4 networks with an optional port, such as 10.1.2.0/24 or 10.1.2.3:5432, separated by spaces; "
                + "loopback, link-local and multicast addresses cannot be opened")
            : null;
    }

    public static string? ModeOf(IReadOnlyDictionary<string, string> tags) => tags.GetValueOrDefault(Mode);

    /// <summary>Sorted and without duplicates: the order in a tag makes no other deployment.</summary>
    public static IReadOnlyList<string> AllowOf(IReadOnlyDictionary<string, string> tags) =>
        [.. (EgressRule.ParseList(tags.GetValueOrDefault(Allow, "")) ?? []).Select(rule => rule.ToString()).Distinct().Order(StringComparer.Ordinal)];

    public static bool AreEqual(IReadOnlyDictionary<string, string> a, IReadOnlyDictionary<string, string> b) =>
        ModeOf(a) == ModeOf(b) && AllowOf(a).SequenceEqual(AllowOf(b));
}
