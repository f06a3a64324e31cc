using Fnq.Amqp;

namespace Fnq.Messaging;

/// <summary>
/// One broker connection that is opened again for ever. What lives on it is set up anew each time by one function, so
/// there is no half-recovered state.
/// </summary>
internal sealed partial class KeptConnection : IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);

    private readonly AmqpAddress _address;
    private readonly string _name;
    private readonly Func<AmqpConnection, Task> _setUp;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource _firstUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loop = Task.CompletedTask;
    private long _downSince;
    private int _disposed;

    public KeptConnection(
        string url, string name, Func<AmqpConnection, Task> setUp, TimeProvider time, ILogger logger)
    {
        (_name, _setUp, _time, _logger) = (name, setUp, time, logger);
        _downSince = time.GetTimestamp();
        _address = AmqpAddress.Parse(url);
    }

    /// <summary>Open and set up.</summary>
    public bool IsUp { get; private set; }

    /// <summary>The broker has told us to stop publishing (memory or disk alarm).</summary>
    public bool IsBlocked { get; private set; }

    public TimeSpan DownFor => IsUp ? TimeSpan.Zero : _time.GetElapsedTime(Volatile.Read(ref _downSince));

    /// <summary>Starts the loop and waits until the connection stands for the first time.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _loop = Task.Run(RunAsync, CancellationToken.None);
        await _firstUp.Task.WaitAsync(cancellationToken);
    }

    /// <summary>A channel that the broker closes takes its connection along, so that both are set up again.</summary>
    public static void EndWith(AmqpChannel channel) => channel.Closed.UnsafeRegister(
        static channel =>
        {
            // Not awaited: this is a callback of the connection that is to close.
            _ = ((AmqpChannel)channel!).Connection.DisposeAsync().AsTask();
        },
        channel);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return; // Its owner's owner disposes too, and so does the container.
        }

        await _closing.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _closing.Dispose();
    }

    private async Task RunAsync()
    {
        var pause = TimeSpan.FromMilliseconds(100);
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                await ServeOneAsync();
                pause = TimeSpan.FromMilliseconds(100);
            }
            catch (OperationCanceledException) when (_closing.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                LogFailed(error, _name);
            }

            await Task.Delay(pause, _time, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>From open to shutdown of one connection.</summary>
    private async Task ServeOneAsync()
    {
        await using var connection = await AmqpConnection.ConnectAsync(_address, _name, _time, _closing.Token);
        var down = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.Closed.UnsafeRegister(static down => ((TaskCompletionSource)down!).TrySetResult(), down);
        connection.Blocking = reason => SetBlocked(connection.IsBlocked, reason);
        try
        {
            await _setUp(connection).WaitAsync(_closing.Token);
            IsUp = true;
            _firstUp.TrySetResult();
            LogUp(_name);
            await down.Task.WaitAsync(_closing.Token);
            LogDown(_name, connection.Reason);
        }
        finally
        {
            Volatile.Write(ref _downSince, _time.GetTimestamp());
            (IsUp, IsBlocked) = (false, false);
        }
    }

    private void SetBlocked(bool blocked, string reason)
    {
        IsBlocked = blocked;
        LogBlocked(_name, reason);
    }

    [LoggerMessage(2000, LogLevel.Information, "Broker connection {Name} is up")]
    private partial void LogUp(string name);

    [LoggerMessage(2001, LogLevel.Warning, "Broker connection {Name} is down: {Reason}")]
    private partial void LogDown(string name, string? reason);

    [LoggerMessage(2002, LogLevel.Warning, "Broker connection {Name} could not be opened or set up")]
    private partial void LogFailed(Exception error, string name);

    [LoggerMessage(2003, LogLevel.Warning, "Broker connection {Name}: {Reason}")]
    private partial void LogBlocked(string name, string reason);
}
