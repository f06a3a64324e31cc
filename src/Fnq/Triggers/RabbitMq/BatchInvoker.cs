using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>What a function made of an event.</summary>
/// <param name="Reply">Null when it did not succeed.</param>
/// <param name="Error">For people; null when it did.</param>
internal readonly record struct BatchAnswer(ReadOnlyMemory<byte>? Reply, string? Error);

/// <summary>Has a batch run once, as any caller would.</summary>
internal sealed partial class BatchInvoker(IEventTargets targets, IInvoker invoker, TimeProvider time, ILogger<BatchInvoker> logger)
{
    /// <summary>As long as a synchronous caller waits; then the messages go back, where waiting costs nothing.</summary>
    private static readonly TimeSpan StartWait = TimeSpan.FromSeconds(60);
    private const int ErrorMax = 512;

    public async Task<BatchAnswer> InvokeAsync(QueueMapping mapping, ReadOnlyMemory<byte> payload)
    {
        try
        {
            return await targets.FindAsync(mapping.Function, mapping.Qualifier, CancellationToken.None) switch
            {
                null => new(null, "The function does not exist"),
                { IsActive: false } => new(null, "The function is not active"),
                var target => AnswerOf(await invoker.InvokeAsync(RequestOf(target, payload), CancellationToken.None)),
            };
        }
        catch (Exception failure)
        {
            LogFailed(failure, mapping.Function.Arn);
            return new(null, "The function could not be invoked");
        }
    }

    private InvocationRequest RequestOf(EventTarget target, ReadOnlyMemory<byte> payload)
    {
        var now = time.GetUtcNow();
        return new InvocationRequest
        {
            RequestId = Guid.NewGuid(),
            RunId = RunId.New(time),
            Deployment = target.Deployment,
            InvokedFunctionArn = target.InvokedFunctionArn,
            Payload = payload,
            TraceId = Lineage.NewTrace(time),
            StartDeadline = now + StartWait,
            AcceptedAt = now,
            Trigger = "queue",
        };
    }

    private static BatchAnswer AnswerOf(InvocationResult result) => result switch
    {
        { Status: not DispatchStatus.Completed } => new(null, result.Status.ToString()),
        { IsFunctionError: true } => new(null, FunctionErrorText.Of(result.Payload, ErrorMax)),
        _ => new(result.Payload, null),
    };

    [LoggerMessage(2300, LogLevel.Warning, "The function {Function} could not be invoked with messages of a queue; they are returned")]
    private partial void LogFailed(Exception failure, string function);
}
