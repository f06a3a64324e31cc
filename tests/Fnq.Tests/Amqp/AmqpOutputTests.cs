using Fnq.Amqp;
using Xunit;

namespace Fnq.Tests.Amqp;

public sealed class AmqpOutputTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly SlowStream _stream = new();
    private readonly List<Exception> _failures = [];
    private readonly AmqpOutput _output;

    public AmqpOutputTests() => _output = new AmqpOutput(_stream, _failures.Add);

    [Fact]
    public void What_comes_while_one_write_is_under_way_goes_with_the_next()
    {
        Write(1);
        Write(2);
        Write(3);
        Assert.Equal([[1]], _stream.Writes);
        _stream.Go();
        Assert.Equal([[1], [2, 3]], _stream.Writes);
        _stream.Go();
        Write(4);
        Assert.Equal([[1], [2, 3], [4]], _stream.Writes);
    }

    [Fact]
    public void What_could_not_be_put_down_leaves_nothing_behind()
    {
        Assert.Throws<InvalidOperationException>(() => _output.Write(0, (to, _) =>
        {
            to.Octet(9);
            throw new InvalidOperationException();
        }));
        Write(1);
        Assert.Equal([[1]], _stream.Writes);
    }

    [Fact]
    public async Task Who_writes_too_much_waits_until_some_is_taken()
    {
        Write(1);
        var waiting = WriteTooMuchAsync();
        Assert.False(waiting.IsCompleted);
        _stream.Go();
        await waiting.WaitAsync(Limit);
    }

    [Fact]
    public async Task Who_waits_and_who_comes_later_learn_of_the_end()
    {
        Write(1);
        var waiting = WriteTooMuchAsync();
        _output.Fail(new AmqpClosedException(320, "over"));
        await Assert.ThrowsAsync<AmqpClosedException>(() => waiting.WaitAsync(Limit));
        Assert.Throws<AmqpClosedException>(() => Write(2));
    }

    [Fact]
    public void A_stream_that_breaks_is_told_of()
    {
        Write(1);
        _stream.Break();
        Assert.IsType<IOException>(Assert.Single(_failures));
    }

    private void Write(byte value) => _output.Write(value, static (to, octet) => to.Octet(octet));

    private Task WriteTooMuchAsync() => _output.WriteAsync(
        new byte[AmqpLimits.UnsentBytesMax], static (to, body) => to.Content(1, AmqpProperties.None, body, AmqpLimits.FrameBytesMax)).AsTask();

    /// <summary>Every write waits until it is let go.</summary>
    private sealed class SlowStream : MemoryStream
    {
        private TaskCompletionSource _going = new();

        public List<byte[]> Writes { get; } = [];

        public void Go() => Next().SetResult();

        public void Break() => Next().SetException(new IOException("broken"));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Writes.Add(buffer.ToArray());
            return new ValueTask(_going.Task);
        }

        private TaskCompletionSource Next() => Interlocked.Exchange(ref _going, new TaskCompletionSource());
    }
}
