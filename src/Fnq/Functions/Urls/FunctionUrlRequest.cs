using System.Text.RegularExpressions;
using Fnq.AwsApi;

namespace Fnq.Functions.Urls;

/// <summary>The body of CreateFunctionUrlConfig and UpdateFunctionUrlConfig; null is "not given".</summary>
internal sealed record FunctionUrlRequest
{
    public string? AuthType { get; init; }
    public string? InvokeMode { get; init; }
    public CorsSpec? Cors { get; init; }
}

/// <summary>The rules of function URLs, pure.</summary>
internal static partial class FunctionUrlRules
{
    private const string QualifierPattern = @"((?!^\d+$)^[0-9a-zA-Z-_]+$)";
    private const int CorsItems = 100;
    private const int MaxAgeSeconds = 86_400;

    public static void Check(FunctionUrlRequest request, bool isNew)
    {
        var cors = request.Cors;
        new Constraints()
            .NotNull("authType", isNew ? request.AuthType : "")
            .OneOf("authType", request.AuthType, "AWS_IAM", "NONE")
            .OneOf("invokeMode", request.InvokeMode, "BUFFERED", "RESPONSE_STREAM")
            .Range("cors.maxAge", cors?.MaxAge, 0, MaxAgeSeconds)
            .Count("cors.allowHeaders", cors?.AllowHeaders, 0, CorsItems)
            .Count("cors.allowMethods", cors?.AllowMethods, 0, 6)
            .Count("cors.allowOrigins", cors?.AllowOrigins, 0, CorsItems)
            .Count("cors.exposeHeaders", cors?.ExposeHeaders, 0, CorsItems)
            .Each("cors.allowHeaders", cors?.AllowHeaders, IsText, TextConstraint(1_024))
            .Each("cors.allowMethods", cors?.AllowMethods, IsText, TextConstraint(6))
            .Each("cors.allowOrigins", cors?.AllowOrigins, IsText, TextConstraint(253))
            .Each("cors.exposeHeaders", cors?.ExposeHeaders, IsText, TextConstraint(1_024))
            .ThrowIfAny();
        if (request.InvokeMode == "RESPONSE_STREAM")
        {
            throw FunctionErrors.NotInFnq("Streamed responses are");
        }
    }

    /// <summary>AWS takes an alias and nothing else.</summary>
    public static void CheckQualifier(string? qualifier) => new Constraints()
        .Length("qualifier", qualifier, 1, 128)
        .Pattern("qualifier", qualifier, Alias(), QualifierPattern)
        .ThrowIfAny();

    public static AwsException Exists(string arn) => FunctionErrors.Conflict(
        $"Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists for this Lambda function");

    /// <summary>They become response headers.</summary>
    private static bool IsText(string value) => value.Length is > 0 and <= 1_024 && !value.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static string TextConstraint(int most) =>
        $"Member must have length less than or equal to {most}, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: .*";

    [GeneratedRegex(@"\A(?![0-9]+\z)[0-9a-zA-Z_-]+\z")]
    private static partial Regex Alias();
}
