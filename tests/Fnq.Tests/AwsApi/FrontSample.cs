using System.Text;
using Fnq.AwsApi;
using Fnq.Dispatch;
using Fnq.Identity;
using Fnq.Telemetry;
using Fnq.Tests.Identity;
using Fnq.Tests.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fnq.Tests.AwsApi;

/// <summary>The real front with one rest-json service and STS, fed with signed requests.</summary>
internal sealed class FrontSample : IAwsService
{
    public const int Limit = 100;
    private readonly FakeTimeProvider _time = new(SignedSample.Start);
    private readonly RestJsonRouter _router;
    private readonly AwsFront _front;

    public FrontSample()
    {
        _router = new RestJsonRouter(new BodyLimit(Limit, TooLarge))
            .Map("POST", "/functions/{FunctionName}/invocations", (request, values) =>
            {
                Request = request;
                return RestJson.WriteAsync(request.Http, 200, json =>
                {
                    json.WriteStartObject();
                    json.WriteString("Name", values["FunctionName"]);
                    json.WriteEndObject();
                });
            }, action: "lambda:InvokeFunction")
            .Map("DELETE", "/functions/{FunctionName}", (request, _) => Record(request), action: "lambda:DeleteFunction")
            .Map("GET", "/unnamed", (request, _) => Record(request))
            .Map("GET", "/broken", (_, _) => throw new InvalidOperationException("secret detail"))
            .Map("GET", "/cut", (_, _) => throw new BadHttpRequestException("cut", 408));
        var options = new IdentityOptions { AccountId = "123456789012", AccessKeyId = SignedSample.KeyId, SecretAccessKey = SignedSample.Secret };
        var keys = new AccessKeyStore(
            (id, _) => Task.FromResult(id == SignedSample.KeyId ? TestKey.Of(id, SignedSample.Secret) : null), _time, NullLogger<AccessKeyStore>.Instance);
        Sessions = new SessionTokens(_ => new(new byte[32]), _time);
        _front = new AwsFront(
            [this, new StsService()], keys, Sessions, new SignatureVerifier(options, _time), BodyBudget.OfThisMachine(), new AuditLog(Lines),
            NullLogger<AwsFront>.Instance);
    }

    /// <summary>What the front has logged.</summary>
    public LogLines Lines { get; } = new();

    public SessionTokens Sessions { get; }
    public FakeTimeProvider Time => _time;
    public AwsRequest? Request { get; private set; }
    public string SigningName => "lambda";
    public long MaxBodyBytes(HttpContext http) => _router.LimitOf(http).Bytes;
    public AwsException BodyTooLarge(HttpContext http, long bytes) => _router.LimitOf(http).TooLarge(bytes);
    public string? ActionOf(HttpContext http, ReadOnlyMemory<byte> body) => _router.ActionOf(http);
    public string ResourceOf(AwsRequest request) => _router.LabelsOf(request)?.Find("FunctionName") ?? "*";
    public ValueTask HandleAsync(AwsRequest request) => _router.DispatchAsync(request);
    public ValueTask WriteErrorAsync(HttpContext http, Guid requestId, AwsException error) => RestJson.WriteErrorAsync(http, error);

    private ValueTask Record(AwsRequest request)
    {
        Request = request;
        return ValueTask.CompletedTask;
    }

    private static AwsException TooLarge(long seen) =>
        new(413, "RequestEntityTooLargeException", $"{seen} bytes", MessageMember.LowerWithoutType);

    public async Task<Answer> SendAsync(
        string method,
        string target,
        byte[]? body = null,
        string service = "lambda",
        bool isChunked = false,
        Action<HttpContext>? bend = null,
        Stream? stream = null,
        FunctionCredentials? credentials = null)
    {
        var signed = new SignedSample(_time) { Method = method, Target = target, Body = body ?? [], Credentials = credentials }.Sign(service, "eu-west-1");
        var http = new DefaultHttpContext();
        var request = http.Features.GetRequiredFeature<IHttpRequestFeature>();
        request.Method = method;
        request.RawTarget = target;
        request.Body = stream ?? new MemoryStream(signed.Body);
        foreach (var header in signed.Headers)
        {
            request.Headers[header.Key] = header.Value;
        }

        http.Request.ContentLength = isChunked ? null : signed.Body.Length;
        bend?.Invoke(http);
        var answer = new MemoryStream();
        http.Response.Body = answer;
        await _front.InvokeAsync(http);
        return new Answer(http.Response.StatusCode, http.Response.Headers, Encoding.UTF8.GetString(answer.ToArray()));
    }
}

internal sealed record Answer(int Status, IHeaderDictionary Headers, string Body)
{
    public string? ErrorType => Headers["x-amzn-ErrorType"];
}
