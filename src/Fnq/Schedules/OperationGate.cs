using Fnq.AwsApi;
using Fnq.Storage;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>What both services do around an operation: few at once, off the thread that reads sockets, and 503 without a database.</summary>
internal sealed partial class OperationGate(ILogger<OperationGate> logger) : IDisposable
{
    /// <summary>Beside those of lambda still below the database pool's 20.</summary>
    private const int Concurrent = 4;

    private readonly SemaphoreSlim _operations = new(Concurrent);

    public async ValueTask RunAsync(Func<ValueTask> operation, CancellationToken cancellationToken)
    {
        await _operations.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await operation();
        }
        catch (Exception failure) when (DatabaseFailure.Is(failure))
        {
            LogDatabaseFailed(failure);
            throw new AwsException(
                StatusCodes.Status503ServiceUnavailable, "ServiceException", "The service is unavailable. Please try again.") { RetryAfterSeconds = 1 };
        }
        finally
        {
            _operations.Release();
        }
    }

    public void Dispose() => _operations.Dispose();

    [LoggerMessage(7100, LogLevel.Error, "The database failed")]
    private partial void LogDatabaseFailed(Exception failure);
}
