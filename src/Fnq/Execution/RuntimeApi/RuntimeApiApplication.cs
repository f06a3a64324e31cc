using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.Execution.RuntimeApi;

/// <summary>The Runtime API on bare Kestrel: every run passes here twice, so there is no middleware and no routing table.</summary>
internal sealed class RuntimeApiApplication : IHttpApplication<IFeatureCollection>
{
    private const string Prefix = "/2018-06-01/";
    private const string InvocationPrefix = Prefix + "runtime/invocation/";
    private const int LooksForBrokenReply = 20;
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(5);

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
    }

    public Task ProcessRequestAsync(IFeatureCollection context)
    {
        var request = context.Get<IHttpRequestFeature>()!;
        var connection = context.Get<RuntimeApiConnection>()!;
        if (connection.Generation != connection.Session.Generation)
        {
            connection.Abort();
            return Task.CompletedTask;
        }

        var path = request.Path;
        if (path.StartsWith(InvocationPrefix, StringComparison.Ordinal))
        {
            var rest = path.AsSpan(InvocationPrefix.Length);
            var slash = rest.IndexOf('/');
            if (slash < 0 && rest is "next" && request.Method == "GET")
            {
                return NextAsync(context, connection);
            }

            if (slash > 0 && request.Method == "POST" && rest[(slash + 1)..] is "response" or "error")
            {
                return ReplyAsync(context, connection, path, slash, isError: rest[(slash + 1)..] is "error");
            }
        }

        return (request.Method, path) switch
        {
            ("POST", Prefix + "runtime/init/error") => InitErrorAsync(context, connection),
            ("GET", Prefix + "ping") => PingAsync(context, connection),
            _ => NotFoundAsync(context, connection, path),
        };
    }

    private static async Task NextAsync(IFeatureCollection context, RuntimeApiConnection connection)
    {
        var waiting = connection.Session.NextAsync(connection, out var verdict);
        if (verdict != Verdict.Accepted)
        {
            await RefuseAsync(context, connection, verdict);
            return;
        }

        var run = await waiting;
        if (run is null)
        {
            connection.Abort();
            return;
        }

        var headers = RuntimeApiAnswers.Begin(context, 200, "application/json", run.Event.Length);
        headers["Lambda-Runtime-Aws-Request-Id"] = run.RequestId;
        headers["Lambda-Runtime-Deadline-Ms"] = run.DeadlineUnixMilliseconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        headers["Lambda-Runtime-Invoked-Function-Arn"] = run.InvokedFunctionArn;
        Set(headers, "Lambda-Runtime-Trace-Id", run.TraceId);
        Set(headers, "Lambda-Runtime-Client-Context", run.ClientContext);
        var body = context.Get<IHttpResponseBodyFeature>()!.Writer;
        await body.WriteAsync(run.Event);
    }

    private static void Set(IHeaderDictionary headers, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            headers[name] = value;
        }
    }

    private static async Task ReplyAsync(IFeatureCollection context, RuntimeApiConnection connection, string path, int idLength, bool isError)
    {
        var session = connection.Session;
        if (!isError && Header(context, "Lambda-Runtime-Function-Response-Mode") is not ("" or "streaming"))
        {
            await connection.PaceIdleCallAsync();
            await RuntimeApiAnswers.InvalidResponseModeAsync(context);
            return;
        }

        var verdict = session.BeginReply(path.AsSpan(InvocationPrefix.Length, idLength), out var run);
        for (var look = 0; verdict == Verdict.ReplyUnderWay && look < LooksForBrokenReply; look++)
        {
            // Kestrel closes a connection that was cut off before it says so here: the runtime may be the first to know.
            await connection.PauseAsync(LookAgainAfter);
            verdict = session.BeginReply(path.AsSpan(InvocationPrefix.Length, idLength), out run);
        }

        if (verdict != Verdict.Accepted)
        {
            await RefuseAsync(context, connection, verdict);
            return;
        }

        var body = await RequestBody.ReadAsync(context, RunErrors.MaxPayloadBytes, isError ? RunErrors.KeptErrorBytes : 0);
        if (body.IsBroken)
        {
            // First of all: whoever hears the answer, or the end, may post again at once.
            session.BreakReply(run!);
            await EndBrokenAsync(context, connection, body.End);
            return;
        }

        var isTooLarge = !isError && !body.IsWhole;
        var ended = isError
            ? session.EndReply(run!, ReplyKind.Error, ErrorPayload(context, body), ErrorType(context))
            : session.EndReply(
                run!, isTooLarge ? ReplyKind.TooLarge : ReplyKind.Response, isTooLarge ? RunErrors.ResponseTooLargePayload : body.Bytes, null);
        if (!ended)
        {
            await RefuseAsync(context, connection, Verdict.InvalidStateTransition);
            return;
        }

        try
        {
            // The runtime gets its receipt before the caller gets the answer: it can go on while the answer is sent.
            await (isTooLarge ? RuntimeApiAnswers.TooLargeAsync(context) : RuntimeApiAnswers.AcceptedAsync(context));
        }
        finally
        {
            session.PublishReply(run!);
        }

        if (!body.IsWhole)
        {
            await RequestBody.DrainAsync(context);
        }
    }

    private static async Task InitErrorAsync(IFeatureCollection context, RuntimeApiConnection connection)
    {
        // Asked before the body is read: nothing is buffered for a call that is refused.
        var session = connection.Session;
        var verdict = session.BeginInitError(connection);
        if (verdict != Verdict.Accepted)
        {
            await RefuseAsync(context, connection, verdict);
            return;
        }

        var body = await RequestBody.ReadAsync(context, RunErrors.MaxPayloadBytes, RunErrors.KeptErrorBytes);
        if (body.IsBroken)
        {
            session.BreakInitError(connection);
            await EndBrokenAsync(context, connection, body.End);
            return;
        }

        session.EndInitError(connection, ErrorPayload(context, body), ErrorType(context));
        await RuntimeApiAnswers.AcceptedAsync(context);
        if (!body.IsWhole)
        {
            await RequestBody.DrainAsync(context);
        }
    }

    private static async Task EndBrokenAsync(IFeatureCollection context, RuntimeApiConnection connection, BodyEnd end)
    {
        if (end == BodyEnd.Gone)
        {
            RequestBody.CutOff(context);
            return;
        }

        await connection.PaceIdleCallAsync();
        await RuntimeApiAnswers.TruncatedAsync(context);
    }

    private static async Task PingAsync(IFeatureCollection context, RuntimeApiConnection connection)
    {
        await connection.PaceIdleCallAsync();
        await RuntimeApiAnswers.WriteAsync(context, 200, "text/plain; charset=utf-8", "pong"u8);
    }

    private static async Task NotFoundAsync(IFeatureCollection context, RuntimeApiConnection connection, string path)
    {
        await connection.PaceIdleCallAsync();
        await RuntimeApiAnswers.NotFoundAsync(context, path);
    }

    private static async Task RefuseAsync(IFeatureCollection context, RuntimeApiConnection connection, Verdict verdict)
    {
        await connection.PaceIdleCallAsync();
        await RuntimeApiAnswers.RefuseAsync(context, verdict);
    }

    /// <summary>Passed through as it came, whatever it is; nothing here parses it. Only one that is too large is put into another.</summary>
    private static byte[] ErrorPayload(IFeatureCollection context, BodyRead body) =>
        body.IsWhole ? body.Bytes : RunErrors.CutError(ErrorType(context), body.Bytes);

    private static string ErrorType(IFeatureCollection context) => RuntimeErrorType.Validate(Header(context, "Lambda-Runtime-Function-Error-Type"));

    private static string Header(IFeatureCollection context, string name) => context.Get<IHttpRequestFeature>()!.Headers[name].ToString();
}
