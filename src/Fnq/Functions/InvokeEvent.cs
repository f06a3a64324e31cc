using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Identity;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>Invoke with InvocationType Event, and the older InvokeAsync: answered when the event is durable.</summary>
internal sealed class InvokeEvent(
    FunctionCatalog catalog, DeploymentCatalog deployments, IEventQueue queue, RunningHops hops, TimeProvider time)
{
    /// <summary>AWS's limit since October 2025.</summary>
    public const int PayloadBytes = 1_048_576;

    /// <summary>InvokeAsync.</summary>
    public async ValueTask HandleAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.ParseForInvoke(request, labels["FunctionName"], qualifier: null);
        var target = await catalog.FindAsync(reference, request.Aborted)
            ?? throw FunctionErrors.FunctionNotFound($"{reference.Function.Arn}:{reference.Qualifier ?? VersionName.Latest}");
        await AcceptAsync(request, reference, target, InvokeHeaders.Read(request.Http.Request.Headers, time));
        await RestJson.WriteBytesAsync(request.Http, StatusCodes.Status202Accepted, "{\"Status\":202}"u8.ToArray());
    }

    public async Task AcceptAsync(AwsRequest request, FunctionReference reference, InvocationTarget target, InvokeHeaders headers)
    {
        if (request.Body.Length > PayloadBytes)
        {
            throw TooLarge(request.Body.Length);
        }

        var deployment = await deployments.FindAsync(target.Deployment, request.Aborted) ?? throw FunctionErrors.FunctionNotFound(target.QualifiedArn);
        var hop = hops.HopOf(request.Caller.Function, headers.TraceId);
        var invocation = new Contracts.InvokeFunction
        {
            RequestId = request.RequestId,
            Function = reference.Function,
            Qualifier = reference.Qualifier,
            Payload = InvokePayload.Check(request.Body).ToArray(),
            ClientContext = headers.ClientContext,
            TraceId = Lineage.Write(headers.TraceId, reference.Function, hop),
            Trigger = "api",
            AcceptedAt = time.GetUtcNow(),
        };
        try
        {
            await queue.AcceptAsync(invocation, deployment.Timeout, CancellationToken.None);
        }
        catch (EventNotAcceptedException)
        {
            throw FunctionErrors.Service(
                StatusCodes.Status503ServiceUnavailable, $"Event {request.RequestId} was not confirmed; it may have been accepted.", retryAfterSeconds: 1);
        }
    }

    public static AwsException TooLarge(long bytes) =>
        FunctionErrors.TooLarge($"{bytes} byte payload is too large for the Event invocation type (limit {PayloadBytes} bytes)");
}

internal static class CallerHops
{
    /// <summary>How deep the invocation is that a caller asks for; refused where a chain of functions is too long.</summary>
    /// <param name="caller">Null when it is no function.</param>
    public static int HopOf(this RunningHops hops, FunctionPrincipal? caller, string traceId)
    {
        int? running = caller is { } function ? hops.DeepestOf(new(function.AccountId, function.Region, function.FunctionName)) : null;
        var hop = Lineage.Next(Lineage.HopsOf(traceId), running);
        return hop < Lineage.Limit ? hop : throw FunctionErrors.Recursive();
    }
}
