using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Functions.Packages;

namespace Fnq.Functions;

/// <summary>The errors of the function operations in AWS's words (lambda-api sections 0, 2 and 3).</summary>
internal static class FunctionErrors
{
    public static AwsException Validation(string message) =>
        new(400, "ValidationException", message, MessageMember.LowerWithoutType);

    public static AwsException InvalidParameter(string message) =>
        new(400, "InvalidParameterValueException", message, MessageMember.Lower);

    public static AwsException NotFound(string message) => new(404, "ResourceNotFoundException", message);

    public static AwsException FunctionNotFound(string arn) => NotFound($"Function not found: {arn}");

    public static AwsException Conflict(string message) =>
        new(409, "ResourceConflictException", message, MessageMember.Lower);

    public static AwsException AlreadyExists(FunctionKey function) => Conflict($"Function already exist: {function.Name}");

    public static AwsException UpdateInProgress(string arn) =>
        Conflict($"The operation cannot be performed at this time. An update is in progress for resource: {arn}");

    public static AwsException WrongState(string state) =>
        Conflict($"The operation cannot be performed at this time. The function is currently in the following state: {state}");

    public static AwsException StaleRevision() =>
        new(412, "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
            MessageMember.Lower);

    public static AwsException Recursive() => new(
        400, "RecursiveInvocationException",
        "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and stopped your function's invocation.");

    public static AwsException TooLarge(string message) =>
        new(413, "RequestEntityTooLargeException", message, MessageMember.LowerWithoutType);

    public static AwsException ZippedTooLarge() =>
        TooLarge($"Zipped size must be smaller than {PackageLimits.ZippedBytes} bytes");

    public static AwsException Service(int status, string message, int? retryAfterSeconds = null) =>
        new(status, "ServiceException", message) { RetryAfterSeconds = retryAfterSeconds };

    public static AwsException NotInFnq(string what) => InvalidParameter($"{what} not available in this version of Fnq.");

    public static AwsException Of(PackageException refused) => InvalidParameter(refused.Fault switch
    {
        PackageFault.TooLarge => $"Unzipped size must be smaller than {PackageLimits.UnzippedBytes} bytes",
        PackageFault.Empty => "Uploaded file must be a non-empty zip",
        _ => "Could not unzip uploaded file. Please check your file, then try to upload again.",
    });
}
