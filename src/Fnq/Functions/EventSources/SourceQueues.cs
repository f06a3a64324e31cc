using Fnq.Dispatch;
using Fnq.Messaging;
using Microsoft.AspNetCore.Http;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Fnq.Functions.EventSources;

/// <summary>Looks at queues of the users' virtual host. It never makes or changes one.</summary>
internal sealed partial class SourceQueues(BrokerLink users, ILogger<SourceQueues> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>A question about a queue that is not there closes the channel.</summary>
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <exception cref="AwsApi.AwsException">503: the broker does not tell.</exception>
    public async Task<bool> ExistsAsync(string queue, CancellationToken cancellationToken)
    {
        if (QueueNames.IsReturns(queue))
        {
            return false;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var channel = await users.OpenAsync(limit.Token);
            await channel.QueueDeclarePassiveAsync(queue, limit.Token);
            return true;
        }
        catch (OperationInterruptedException closed) when (closed.ShutdownReason?.ReplyCode is Constants.NotFound or Constants.ResourceLocked)
        {
            // An exclusive queue is its connection's alone: for others there is none.
            return false;
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(failure, queue);
            throw FunctionErrors.Service(
                StatusCodes.Status503ServiceUnavailable, "The broker did not tell whether the queue exists. Please try again.", retryAfterSeconds: 1);
        }
        finally
        {
            _turn.Release();
        }
    }

    [LoggerMessage(1140, LogLevel.Warning, "The broker could not be asked for the queue {Queue}")]
    private partial void LogFailed(Exception failure, string queue);
}
