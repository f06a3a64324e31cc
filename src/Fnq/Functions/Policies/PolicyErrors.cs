using Fnq.AwsApi;

namespace Fnq.Functions.Policies;

/// <summary>In AWS's words (lambda-api section 6).</summary>
internal static class PolicyErrors
{
    public static AwsException Exists(string statementId) => FunctionErrors.Conflict(
        $"The statement id ({statementId}) provided already exists. Please provide a new statement id, or remove the existing statement.");

    public static AwsException None() => FunctionErrors.NotFound("The resource you requested does not exist.");

    public static AwsException NoPolicy() => FunctionErrors.NotFound("No policy is associated with the given resource.");

    public static AwsException NoStatement(string statementId) => FunctionErrors.NotFound($"Statement {statementId} is not found in resource policy.");

    public static AwsException OfLatest() => FunctionErrors.InvalidParameter("We currently do not support adding policies for $LATEST.");
}
