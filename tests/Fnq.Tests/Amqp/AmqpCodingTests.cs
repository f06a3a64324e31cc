using System.Buffers.Binary;
using Fnq.Amqp;
using Xunit;

namespace Fnq.Tests.Amqp;

public sealed class AmqpCodingTests
{
    private readonly AmqpWriter _writer = new();

    [Fact]
    public void Method_is_framed()
    {
        _writer.Method(7, AmqpMethod.BasicAck).LongLong(1).Octet(0).End();
        Assert.Equal([1, 0, 7, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xCE], _writer.Written.ToArray());
    }

    [Fact]
    public void What_is_written_is_read_again()
    {
        _writer.Octet(1).Short(65_535).Long(uint.MaxValue).LongLong(ulong.MaxValue).ShortString("ä").LongString("long");
        var reader = new AmqpReader(_writer.Written.Span);
        Assert.True(reader.Bit());
        Assert.Equal(65_535, reader.Short());
        Assert.Equal(uint.MaxValue, reader.Long());
        Assert.Equal(ulong.MaxValue, reader.LongLong());
        Assert.Equal("ä", reader.ShortString());
        Assert.Equal("long"u8.ToArray(), reader.Block().ToArray());
    }

    [Fact]
    public void Table_has_its_length_and_its_types()
    {
        _writer.Table(new Dictionary<string, object>
        {
            ["s"] = "x",
            ["i"] = -1,
            ["t"] = true,
            ["f"] = new Dictionary<string, object> { ["n"] = 2 },
        });
        Assert.Equal(
            [0, 0, 0, 33, 1, (byte)'s', (byte)'S', 0, 0, 0, 1, (byte)'x', 1, (byte)'i', (byte)'I', 255, 255, 255, 255, 1, (byte)'t', (byte)'t', 1,
                1, (byte)'f', (byte)'F', 0, 0, 0, 7, 1, (byte)'n', (byte)'I', 0, 0, 0, 2],
            _writer.Written.ToArray());
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(4_088, 1)]
    [InlineData(4_089, 2)]
    [InlineData(40_000, 10)]
    public void Body_goes_in_frames_of_what_the_broker_takes(int bytes, int frames)
    {
        _writer.Content(3, AmqpProperties.None, new byte[bytes], frameBytes: 4_096);
        var (at, seen, body) = (0, 0, 0);
        var written = _writer.Written.Span;
        while (at < written.Length)
        {
            var size = (int)BinaryPrimitives.ReadUInt32BigEndian(written[(at + 3)..]);
            Assert.Equal(AmqpFrame.End, written[at + AmqpFrame.HeadBytes + size]);
            Assert.InRange(size + AmqpFrame.FramingBytes, 0, 4_096);
            (seen, body) = written[at] == AmqpFrame.Body ? (seen + 1, body + size) : (seen, body);
            at += size + AmqpFrame.FramingBytes;
        }

        Assert.Equal((frames, bytes), (seen, body));
    }

    [Fact]
    public void Properties_survive_the_wire()
    {
        var properties = new AmqpProperties { Type = "invoke", CorrelationId = "c", ReplyTo = "r", Expiration = "1000", MessageId = "7" };
        properties.Write(_writer);
        var reader = new AmqpReader(_writer.Written.Span);
        Assert.Equal(properties, AmqpProperties.Read(ref reader));
    }

    /// <summary>All fourteen, as another client may send them.</summary>
    [Fact]
    public void Properties_that_are_of_no_use_are_read_past()
    {
        _writer.Short(0xFFFC).ShortString("text/plain").ShortString("gzip").Table(new Dictionary<string, object> { ["x"] = 1 }).Octet(2).Octet(9);
        _writer.ShortString("c").ShortString("r").ShortString("1").ShortString("m").LongLong(4).ShortString("t").ShortString("guest").ShortString("app").ShortString("");
        var reader = new AmqpReader(_writer.Written.Span);
        Assert.Equal(
            new AmqpProperties { CorrelationId = "c", ReplyTo = "r", Expiration = "1", MessageId = "m", Type = "t" }, AmqpProperties.Read(ref reader));
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 5, 65 })]
    public void Frame_that_ends_too_early_is_refused(byte[] bytes) => Assert.Throws<FormatException>(() => new AmqpReader(bytes).ShortString());

    [Fact]
    public void Block_longer_than_anything_is_refused() =>
        Assert.Throws<FormatException>(() => new AmqpReader([255, 255, 255, 255, 0]).Block());

    [Fact]
    public void Name_that_is_too_long_is_refused() => Assert.Throws<ArgumentException>(() => _writer.ShortString(new string('x', 256)));
}
