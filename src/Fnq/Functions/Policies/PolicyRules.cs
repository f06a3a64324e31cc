using System.Text.RegularExpressions;

namespace Fnq.Functions.Policies;

/// <summary>The rules of AddPermission's members, pure.</summary>
internal static partial class PolicyRules
{
    private const string ActionPattern = @"(lambda:[*]|lambda:[a-zA-Z]+|[*])";
    private const string PrincipalPattern = @"[^\s]+";
    private const string StatementIdPattern = @"([a-zA-Z0-9-_]+)";
    private const string AccountPattern = @"\d{12}";
    private const string SourceArnPattern = @"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)";

    public static void Check(AddPermissionRequest request) => new Constraints()
        .NotNull("statementId", request.StatementId)
        .NotNull("action", request.Action)
        .NotNull("principal", request.Principal)
        .Length("statementId", request.StatementId, 1, 100)
        .Pattern("statementId", request.StatementId, StatementId(), StatementIdPattern)
        .Pattern("action", request.Action, Action(), ActionPattern)
        .Length("principal", request.Principal, 1, 1_000)
        .Pattern("principal", request.Principal, Principal(), PrincipalPattern)
        .Length("sourceArn", request.SourceArn, 0, 1_000)
        .Pattern("sourceArn", request.SourceArn, SourceArn(), SourceArnPattern)
        .Pattern("sourceAccount", request.SourceAccount, Account(), AccountPattern)
        .Length("eventSourceToken", request.EventSourceToken, 0, 256)
        .Length("principalOrgID", request.PrincipalOrgID, 12, 34)
        .OneOf("functionUrlAuthType", request.FunctionUrlAuthType, "NONE", "AWS_IAM")
        .ThrowIfAny();

    [GeneratedRegex(@"\A[a-zA-Z0-9_-]+\z")]
    private static partial Regex StatementId();

    [GeneratedRegex(@"\A(lambda:[*]|lambda:[a-zA-Z]+|[*])\z")]
    private static partial Regex Action();

    [GeneratedRegex(@"\A[^\s\0]+\z")]
    private static partial Regex Principal();

    [GeneratedRegex(@"\A[0-9]{12}\z")]
    private static partial Regex Account();

    [GeneratedRegex(@"\Aarn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9-])+:([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-[0-9])?:([0-9]{12})?:(.*)\z")]
    private static partial Regex SourceArn();
}
