using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Fnq.AwsApi;

/// <summary>STS, query protocol: who am I.</summary>
internal sealed class StsService : IAwsService
{
    private const string Version = "2011-06-15";
    private const int MaxBody = 64 * 1024;
    private static readonly XNamespace Xmlns = $"https://sts.amazonaws.com/doc/{Version}/";

    public string SigningName => "sts";

    public long MaxBodyBytes(HttpContext http) => MaxBody;

    public AwsException BodyTooLarge(HttpContext http, long bytes) =>
        new(StatusCodes.Status413PayloadTooLarge, "RequestEntityTooLarge", $"The request must be smaller than {MaxBody} bytes.");

    public string? ActionOf(HttpContext http, ReadOnlyMemory<byte> body) => Action(http, body) is "GetCallerIdentity" ? "sts:GetCallerIdentity" : null;

    public ValueTask HandleAsync(AwsRequest request)
    {
        var action = Action(request.Http, request.Body);
        return action switch
        {
            "GetCallerIdentity" => WriteAsync(request.Http, StatusCodes.Status200OK, Identity(request)),
            "" => throw new AwsException(StatusCodes.Status400BadRequest, "MissingAction", "Could not find an action in the request."),
            _ => throw new AwsException(
                StatusCodes.Status400BadRequest, "InvalidAction", $"Could not find operation {Printable(action)} for version {Version}"),
        };
    }

    public ValueTask WriteErrorAsync(HttpContext http, Guid requestId, AwsException error) =>
        WriteAsync(http, error.Status, new XElement(
            Xmlns + "ErrorResponse",
            new XElement(
                Xmlns + "Error",
                new XElement(Xmlns + "Type", error.Status >= StatusCodes.Status500InternalServerError ? "Receiver" : "Sender"),
                new XElement(Xmlns + "Code", Code(error.Type)),
                new XElement(Xmlns + "Message", error.Message)),
            new XElement(Xmlns + "RequestId", requestId)));

    private static string Action(HttpContext http, ReadOnlyMemory<byte> body)
    {
        var form = body.IsEmpty ? http.Request.QueryString.Value : Encoding.UTF8.GetString(body.Span);
        return QueryHelpers.ParseQuery(form).TryGetValue("Action", out var action) ? action.ToString() : "";
    }

    private static XElement Identity(AwsRequest request) => new(
        Xmlns + "GetCallerIdentityResponse",
        new XElement(
            Xmlns + "GetCallerIdentityResult",
            new XElement(Xmlns + "Arn", request.Caller.Arn),
            new XElement(Xmlns + "UserId", request.Caller.UserId),
            new XElement(Xmlns + "Account", request.Caller.AccountId)),
        new XElement(Xmlns + "ResponseMetadata", new XElement(Xmlns + "RequestId", request.RequestId)));

    /// <summary>The query protocol has its own names for the same faults.</summary>
    private static string Code(string type) => type switch
    {
        SignatureErrors.Missing => "MissingAuthenticationToken",
        SignatureErrors.Incomplete => "IncompleteSignature",
        SignatureErrors.Invalid => "SignatureDoesNotMatch",
        SignatureErrors.UnknownKey => "InvalidClientTokenId",
        SignatureErrors.Expired => "ExpiredToken",
        "AccessDeniedException" => "AccessDenied",
        "InvalidRequestContentException" => "MalformedQueryString",
        "ServiceException" => "InternalFailure",
        _ => type,
    };

    /// <summary>XML cannot carry every character that a form can.</summary>
    private static string Printable(string action) =>
        action.Length <= 64 && action.All(char.IsAsciiLetterOrDigit) ? action : "(unprintable)";

    private static async ValueTask WriteAsync(HttpContext http, int status, XElement document)
    {
        var xml = Encoding.UTF8.GetBytes(document.ToString());
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/xml";
        http.Response.ContentLength = xml.Length;
        await http.Response.BodyWriter.WriteAsync(xml, http.RequestAborted);
    }
}
