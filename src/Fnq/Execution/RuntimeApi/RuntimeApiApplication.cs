using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.Execution.RuntimeApi;

/// <summary>The Runtime API on bare Kestrel: every run passes here twice, so there is no middleware and no routing table.</summary>
internal sealed class RuntimeApiApplication : IHttpApplication<IFeatureCollection>
{
    private const string Prefix = "/2018-06-01/";
    private const string InvocationPrefix = Prefix + "runtime/invocation/";

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
    }

    public Task ProcessRequestAsync(IFeatureCollection context)
    {
        var request = context.Get<IHttpRequestFeature>()!;
        var session = context.Get<RuntimeApiConnection>()!.Session;
        var path = request.Path;
        if (path.StartsWith(InvocationPrefix, StringComparison.Ordinal))
        {
            var rest = path.AsSpan(InvocationPrefix.Length);
            var slash = rest.IndexOf('/');
            if (slash < 0 && rest is "next" && request.Method == "GET")
            {
                return NextAsync(context);
            }

            if (slash > 0 && request.Method == "POST" && rest[(slash + 1)..] is "response" or "error")
            {
                return ReplyAsync(context, session, path, slash, isError: rest[(slash + 1)..] is "error");
            }
        }

        return (request.Method, path) switch
        {
            ("POST", Prefix + "runtime/init/error") => InitErrorAsync(context, session),
            ("GET", Prefix + "ping") => RuntimeApiAnswers.WriteAsync(context, 200, "text/plain; charset=utf-8", "pong"u8),
            _ => RuntimeApiAnswers.NotFoundAsync(context, path),
        };
    }

    private static async Task NextAsync(IFeatureCollection context)
    {
        var connection = context.Get<RuntimeApiConnection>()!;
        var waiting = connection.Session.NextAsync(connection, out var verdict);
        if (verdict != Verdict.Accepted)
        {
            await RuntimeApiAnswers.RefuseAsync(context, verdict);
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

    private static async Task ReplyAsync(IFeatureCollection context, IRuntimeApiSession session, string path, int idLength, bool isError)
    {
        var verdict = session.BeginReply(path.AsSpan(InvocationPrefix.Length, idLength), out var run);
        if (verdict != Verdict.Accepted)
        {
            await RuntimeApiAnswers.RefuseAsync(context, verdict);
            return;
        }

        byte[]? body;
        try
        {
            body = await RequestBody.ReadAsync(context, RunErrors.MaxPayloadBytes);
        }
        catch (Exception e) when (e is IOException or BadHttpRequestException or OperationCanceledException or ConnectionAbortedException)
        {
            session.BreakReply(run!);
            await RuntimeApiAnswers.BadRequestAsync(context);
            return;
        }

        var kind = body is null ? ReplyKind.TooLarge : isError ? ReplyKind.Error : ReplyKind.Response;
        if (!session.EndReply(run!, kind, body ?? RunErrors.ResponseTooLargePayload, isError ? ErrorType(context) : null))
        {
            await RuntimeApiAnswers.RefuseAsync(context, Verdict.InvalidStateTransition);
            return;
        }

        try
        {
            // The runtime gets its receipt before the caller gets the answer: it can go on while the answer is sent.
            await (body is null ? RuntimeApiAnswers.TooLargeAsync(context) : RuntimeApiAnswers.AcceptedAsync(context));
        }
        finally
        {
            session.PublishReply(run!);
        }
    }

    private static async Task InitErrorAsync(IFeatureCollection context, IRuntimeApiSession session)
    {
        byte[]? body;
        try
        {
            body = await RequestBody.ReadAsync(context, RunErrors.MaxPayloadBytes);
        }
        catch (Exception e) when (e is IOException or BadHttpRequestException or OperationCanceledException or ConnectionAbortedException)
        {
            await RuntimeApiAnswers.BadRequestAsync(context);
            return;
        }

        if (body is null)
        {
            await RuntimeApiAnswers.TooLargeAsync(context);
            return;
        }

        var verdict = session.ReportInitError(body, ErrorType(context));
        await (verdict == Verdict.Accepted ? RuntimeApiAnswers.AcceptedAsync(context) : RuntimeApiAnswers.RefuseAsync(context, verdict));
    }

    private static string ErrorType(IFeatureCollection context) =>
        RuntimeErrorType.Validate(context.Get<IHttpRequestFeature>()!.Headers["Lambda-Runtime-Function-Error-Type"].ToString());
}
