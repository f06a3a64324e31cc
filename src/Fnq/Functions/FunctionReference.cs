using System.Text.RegularExpressions;
using Fnq.AwsApi;
using Fnq.Contracts;

namespace Fnq.Functions;

/// <summary>What a request calls a function by, resolved (lambda-api 2.3).</summary>
/// <param name="Qualifier">Version or alias as asked for; null when none was given.</param>
internal readonly partial record struct FunctionReference(FunctionKey Function, string? Qualifier)
{
    private const string NamePattern =
        @"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";

    private const string InvokeNamePattern =
        @"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";

    private const string QualifierPattern = @"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
    private const int NameLimit = 64;

    public string Arn => Qualifier is null ? Function.Arn : $"{Function.Arn}:{Qualifier}";

    /// <summary>The version number, <see cref="FunctionVersionRow.Latest"/> without qualifier, or null for an alias.</summary>
    public int? VersionNumber => Qualifier is null ? FunctionVersionRow.Latest : VersionName.Parse(Qualifier);

    /// <summary>The name in the body of CreateFunction and in the path of everything that is not Invoke.</summary>
    public static FunctionReference Parse(AwsRequest request, string given, string? qualifier = null) =>
        Parse(given, qualifier, request.Caller.AccountId, request.Region, 140, NamePattern);

    public static FunctionReference ParseForInvoke(AwsRequest request, string given, string? qualifier) =>
        Parse(given, qualifier, request.Caller.AccountId, request.Region, 256, InvokeNamePattern);

    public static FunctionReference Parse(
        string given, string? qualifier, string account, string region, int limit = 140, string pattern = NamePattern)
    {
        var reference = IsPlain(given)
            ? new FunctionReference(new(account, region, given), null)
            : ParseLong(given, account, region, limit, pattern);
        if (qualifier is null)
        {
            return reference;
        }

        new Constraints().Length("qualifier", qualifier, 1, 128).Pattern("qualifier", qualifier, QualifierForm(), QualifierPattern).ThrowIfAny();
        if (reference.Qualifier is { } derived && derived != qualifier)
        {
            throw FunctionErrors.InvalidParameter("The derived qualifier from the function name does not match the specified qualifier.");
        }

        return reference with { Qualifier = qualifier };
    }

    /// <summary>Nearly every invoke names its function so: no regular expression on the hot path.</summary>
    private static bool IsPlain(string given)
    {
        foreach (var c in given)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
            {
                return false;
            }
        }

        return given.Length is > 0 and <= NameLimit;
    }

    private static FunctionReference ParseLong(string given, string account, string region, int limit, string pattern)
    {
        var match = Form().Match(given);
        new Constraints()
            .Length("functionName", given, 1, limit)
            .Pattern("functionName", given, Form(), pattern)
            .ThrowIfAny();
        if (match.Groups["region"] is { Success: true } otherRegion && otherRegion.Value != region)
        {
            throw FunctionErrors.NotFound($"Functions from '{otherRegion.Value}' are not reachable in this region ('{region}')");
        }

        var name = match.Groups["name"].Value;
        if (name.Length > NameLimit)
        {
            throw FunctionErrors.InvalidParameter("1 validation error detected: " + Constraints.Sentence(
                "functionName", name, $"Member must have length less than or equal to {NameLimit}"));
        }

        if (match.Groups["account"] is { Success: true } otherAccount && otherAccount.Value != account)
        {
            throw RestJson.AccessDenied(
                $"The caller is not authorized to use functions of account {otherAccount.Value} because no resource-based policy allows it");
        }

        return new(new(account, region, name), match.Groups["qualifier"] is { Success: true } own ? own.Value : null);
    }

    [GeneratedRegex(
        @"\A(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:(?<region>[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-[0-9]):)?(?:(?<account>[0-9]{12}):)?(?:function:)?(?<name>[a-zA-Z0-9_-]+)(?::(?<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Form();

    [GeneratedRegex(@"\A(?:\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_$-]+)\z")]
    private static partial Regex QualifierForm();
}
