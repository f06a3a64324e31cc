namespace Fnq.Amqp;

/// <summary>Those who wait for the broker's word that it has what they published, by number of the publishing.</summary>
internal sealed class AmqpConfirms
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<ulong, TaskCompletionSource> _waiting = [];
    private AmqpClosedException? _closed;
    private ulong _last;

    /// <summary>To be called in the order of publishing.</summary>
    public (ulong Number, Task Confirmed) Expect()
    {
        var confirmed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_closed is not null)
            {
                throw _closed;
            }

            _waiting.Add(++_last, confirmed);
            return (_last, confirmed.Task);
        }
    }

    public void Accept(ulong number, bool multiple) => Take(number, multiple).ForEach(confirmed => confirmed.TrySetResult());

    public void Refuse(ulong number, bool multiple) =>
        Take(number, multiple).ForEach(confirmed => confirmed.TrySetException(new IOException("The broker could not keep a message")));

    /// <summary>The broker confirms what it has returned too: it did all it could.</summary>
    public void Return(ulong number) =>
        Take(number, multiple: false).ForEach(confirmed => confirmed.TrySetException(new IOException("No queue takes a message")));

    public void Close(AmqpClosedException reason)
    {
        lock (_gate)
        {
            _closed = reason;
        }

        Take(0, multiple: true).ForEach(confirmed => confirmed.TrySetException(reason));
    }

    /// <summary>With <paramref name="multiple"/> all up to the number, and zero is the last.</summary>
    private List<TaskCompletionSource> Take(ulong number, bool multiple)
    {
        lock (_gate)
        {
            var taken = new List<TaskCompletionSource>();
            foreach (var each in multiple ? _waiting.Keys.TakeWhile(each => number == 0 || each <= number).ToList() : [number])
            {
                if (_waiting.Remove(each, out var confirmed))
                {
                    taken.Add(confirmed);
                }
            }

            return taken;
        }
    }
}
