using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Fnq.Transport;

namespace Fnq.Amqp;

/// <summary>
/// One connection to a broker, on an event loop: what comes is handled in the turn that reads it, what is written leaves at the
/// end of a turn. It is never mended: when it fails, whoever needs it opens another.
/// </summary>
internal sealed partial class AmqpConnection : IAsyncDisposable
{
    private readonly AmqpAddress _address;
    private readonly string _name;
    private readonly TimeProvider _time;
    private readonly LoopSocket _socket;
    private readonly Stream _stream;
    private readonly AmqpOutput _output;
    private readonly ConcurrentDictionary<ushort, AmqpChannel> _channels = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closed = new();
    private Task _receiving = Task.CompletedTask;
    private ITimer? _heart;
    private long _heardAt;
    private AmqpClosedException? _reason;
    private int _lastChannel;
    private ushort _channelMax = 2047;

    private AmqpConnection(AmqpAddress address, string name, TimeProvider time, LoopSocket socket, Stream stream)
    {
        (_address, _name, _time, _socket, _stream) = (address, name, time, socket, stream);
        _output = new AmqpOutput(stream, Fail);
    }

    public bool IsOpen => Volatile.Read(ref _reason) is null;

    /// <summary>The broker reads nothing that is published now: it is short of memory or disk.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary>Hears of <see cref="IsBlocked"/>, with the broker's reason.</summary>
    public Action<string>? Blocking { get; set; }

    /// <summary>Says it once when the connection closes, for whatever reason. Its channels are closed by then.</summary>
    public CancellationToken Closed => _closed.Token;

    /// <summary>Why it is closed.</summary>
    public string? Reason => Volatile.Read(ref _reason)?.Message;

    internal int FrameBytes { get; private set; } = AmqpLimits.FrameBytesMax;

    /// <param name="name">Shown by the broker.</param>
    /// <exception cref="IOException">No broker answers there, or it does not let us in.</exception>
    public static async Task<AmqpConnection> ConnectAsync(AmqpAddress address, string name, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var timer = time.CreateTimer(_ => limit.Cancel(), null, AmqpLimits.ConnectTime, Timeout.InfiniteTimeSpan);
        try
        {
            var connection = await OpenSocketAsync(address, name, time, limit.Token);
            try
            {
                await connection.OpenAsync(limit.Token);
                return connection;
            }
            catch
            {
                connection.Fail(new AmqpClosedException(0, "The connection could not be opened"));
                throw;
            }
        }
        catch (SocketException e)
        {
            throw new IOException($"No broker answers at {address}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"The broker at {address} does not answer", e);
        }
    }

    /// <param name="confirms">For publishing that is waited for.</param>
    public async Task<AmqpChannel> OpenChannelAsync(bool confirms = false)
    {
        for (var tried = 0; tried < _channelMax; tried++)
        {
            var number = (ushort)(1 + ((uint)Interlocked.Increment(ref _lastChannel) % _channelMax));
            var channel = new AmqpChannel(this, _output, number, _time);
            if (_channels.TryAdd(number, channel))
            {
                if (Volatile.Read(ref _reason) is { } reason)
                {
                    channel.Close(reason);
                }

                await channel.OpenAsync(confirms);
                return channel;
            }
        }

        throw new IOException($"The broker gives a connection {_channelMax} channels, and all are in use");
    }

    /// <summary>Says goodbye first, and waits for the broker's for a moment.</summary>
    public async ValueTask DisposeAsync()
    {
        if (IsOpen)
        {
            try
            {
                _output.Write(0, static (to, _) => to.Method(0, AmqpMethod.ConnectionClose).Goodbye().End());
            }
            catch (AmqpClosedException)
            {
                // Faster than we.
            }

            await _receiving.WaitAsync(AmqpLimits.GoodbyeTime, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Fail(ClosedHere());
        await _receiving;
    }

    internal void Forget(ushort number, AmqpChannel channel) => _channels.TryRemove(new(number, channel));

    /// <summary>Once: the first reason is the reason. Everything of the connection ends with it.</summary>
    internal void Fail(Exception failure)
    {
        var reason = failure as AmqpClosedException ?? new AmqpClosedException(0, $"The connection to the broker broke: {failure.Message}", failure);
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
        {
            return;
        }

        _heart?.Dispose();
        _output.Fail(reason);
        _opened.TrySetException(reason);
        foreach (var channel in _channels.Values)
        {
            channel.Close(reason);
        }

        _closed.Cancel();
        // Behind the last word that the turn has written; the reader finds the end, and takes the stream with it.
        if (!EventLoop.TryAfterTurn(_socket.Shutdown))
        {
            _socket.Shutdown();
        }
    }

    private static async Task<AmqpConnection> OpenSocketAsync(AmqpAddress address, string name, TimeProvider time, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        LoopSocket? looped = null;
        try
        {
            await socket.ConnectAsync(address.Host, address.Port, cancellationToken);
            looped = new LoopSocket(socket, EventLoop.Next());
            var stream = new LoopStream(looped);
            return new AmqpConnection(address, name, time, looped, address.IsSecure ? await SecureAsync(address, looped, stream, cancellationToken) : stream);
        }
        catch
        {
            looped?.Dispose();
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> SecureAsync(AmqpAddress address, LoopSocket socket, LoopStream stream, CancellationToken cancellationToken)
    {
        var secure = new SslStream(stream);
        try
        {
            await using var end = cancellationToken.UnsafeRegister(static socket => ((LoopSocket)socket!).Shutdown(), socket);
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = address.Host }, cancellationToken);
            return secure;
        }
        catch (Exception e)
        {
            await secure.DisposeAsync();
            if (e is AuthenticationException)
            {
                throw new IOException($"{address} is not to be trusted: {e.Message}", e);
            }

            throw;
        }
    }

    private static AmqpClosedException ClosedHere() => new(AmqpClosedException.ClosedHere, "The connection was closed here");

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        _heardAt = _time.GetTimestamp();
        _receiving = ReceiveAsync();
        _output.Write(0, static (to, _) => to.ProtocolHeader());
        await _opened.Task.WaitAsync(cancellationToken);
    }

    private void StartHeart(TimeSpan interval)
    {
        var heart = _time.CreateTimer(_ => Beat(interval), null, interval / 2, interval / 2);
        _heart = heart;
        if (!IsOpen)
        {
            heart.Dispose();
        }
    }

    private void Beat(TimeSpan interval)
    {
        if (_time.GetElapsedTime(Volatile.Read(ref _heardAt)) > 2 * interval)
        {
            Fail(new AmqpClosedException(0, $"Nothing was heard from the broker for {(2 * interval).TotalSeconds} s"));
            return;
        }

        try
        {
            _output.Write(0, static (to, _) => to.Heartbeat());
        }
        catch (AmqpClosedException)
        {
            // Closed meanwhile.
        }
    }
}
