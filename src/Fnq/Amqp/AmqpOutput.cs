using Fnq.Transport;

namespace Fnq.Amqp;

/// <summary>
/// What goes to the broker. Frames gather while something is being sent and, on an event loop, until the end of its turn:
/// a turn that answers many requests writes once.
/// </summary>
internal sealed class AmqpOutput
{
    private readonly Lock _gate = new();
    private readonly Stream _stream;
    private readonly Action<Exception> _failed;
    private readonly Action _send;
    private AmqpWriter _gathering = new();
    private AmqpWriter _sending = new();
    private bool _willSend;
    private TaskCompletionSource? _room;
    private Exception? _failure;

    public AmqpOutput(Stream stream, Action<Exception> failed)
    {
        (_stream, _failed) = (stream, failed);
        _send = () => _ = SendAsync();
    }

    /// <summary>Returns at once, or when the broker has taken some of what is too much.</summary>
    /// <param name="compose">Called before this returns, one at a time: frames stay together and in order.</param>
    public ValueTask WriteAsync<T>(T what, Action<AmqpWriter, T> compose) => Put(what, compose) is { } room ? new ValueTask(room) : default;

    /// <summary>The same for the few words that nobody has to wait with.</summary>
    public void Write<T>(T what, Action<AmqpWriter, T> compose) => Put(what, compose);

    public void Fail(Exception failure)
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            _failure ??= failure;
            (room, _room) = (_room, null);
        }

        room?.TrySetException(failure);
    }

    /// <summary>Null while there is room for more.</summary>
    private Task? Put<T>(T what, Action<AmqpWriter, T> compose)
    {
        Task? room;
        bool isFirst;
        lock (_gate)
        {
            if (_failure is not null)
            {
                throw new AmqpClosedException(0, "The connection to the broker is closed", _failure);
            }

            Compose(what, compose);
            room = _gathering.Length <= AmqpLimits.UnsentBytesMax ? null
                : (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            (isFirst, _willSend) = (!_willSend, true);
        }

        if (isFirst && !EventLoop.TryAfterTurn(_send))
        {
            _send();
        }

        return room;
    }

    private void Compose<T>(T what, Action<AmqpWriter, T> compose)
    {
        var length = _gathering.Length;
        try
        {
            compose(_gathering, what);
        }
        catch
        {
            _gathering.CutTo(length);
            throw;
        }
    }

    private async Task SendAsync()
    {
        try
        {
            while (TakeGathered())
            {
                await _stream.WriteAsync(_sending.Written);
            }
        }
        catch (Exception e)
        {
            _failed(e);
        }
    }

    private bool TakeGathered()
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            _sending.Clear();
            (_gathering, _sending) = (_sending, _gathering);
            _willSend = _sending.Length > 0;
            (room, _room) = (_room, null);
        }

        room?.TrySetResult();
        return _sending.Length > 0;
    }
}
