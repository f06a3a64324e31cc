using System.Buffers.Binary;
using System.Text;
using Fnq.Contracts;

namespace Fnq.Billing;

/// <summary>
/// A record as bytes, in the journal and on the bus alike. Version 1 grows only at its end: a reader ignores bytes
/// that it does not know, so that old recorders read what newer workers write.
/// </summary>
internal static class RecordCodec
{
    private const byte Version = 1;

    public static int Write(InvocationRecord record, Span<byte> destination)
    {
        var writer = new Writer(destination);
        writer.Byte(Version);
        writer.Guid(record.RunId.Value);
        writer.Guid(record.RequestId);
        writer.Text(record.Function.AccountId);
        writer.Text(record.Function.Region);
        writer.Text(record.Function.Name);
        writer.Text(record.Version);
        writer.Text(record.Deployment.Value);
        writer.Text(record.Architecture);
        writer.Text(record.Trigger);
        writer.Int64(record.Attempt);
        writer.Int64(record.Delivery);
        writer.Int64(record.MemorySizeMb);
        writer.Int64(record.EphemeralStorageMb);
        writer.Int64(record.BilledMilliseconds);
        writer.Double(record.DurationMilliseconds);
        writer.Double(record.InitMilliseconds);
        writer.Int64(record.PeakMemoryMb);
        writer.Byte((byte)record.Outcome);
        writer.Text(record.Worker.Value);
        writer.Text(record.Environment);
        writer.Int64(record.StartedAt.UtcTicks);
        return writer.Written;
    }

    /// <exception cref="FormatException">Not a record, or one that the table would refuse.</exception>
    public static InvocationRecord Read(ReadOnlySpan<byte> source)
    {
        var reader = new Reader(source);
        if (reader.Byte() != Version)
        {
            throw new FormatException($"unknown record version {source[0]}");
        }

        return new InvocationRecord
        {
            RunId = new RunId(reader.Guid()),
            RequestId = reader.Guid(),
            Function = new FunctionKey(reader.Text(), reader.Text(), reader.Text()),
            Version = reader.Text(),
            Deployment = new DeploymentId(reader.Text()),
            Architecture = reader.Text(),
            Trigger = reader.Text(),
            Attempt = reader.Int32(),
            Delivery = reader.Int32(),
            MemorySizeMb = reader.Int32(),
            EphemeralStorageMb = reader.Int32(),
            BilledMilliseconds = reader.Int64(),
            DurationMilliseconds = reader.Double(),
            InitMilliseconds = reader.Double(),
            PeakMemoryMb = reader.Int32(),
            Outcome = reader.Outcome(),
            Worker = new NodeId(reader.Text()),
            Environment = reader.Text(),
            StartedAt = reader.Instant(),
        };
    }

    private ref struct Writer(Span<byte> destination)
    {
        private readonly Span<byte> _destination = destination;

        public int Written { get; private set; }

        public void Byte(byte value) => _destination[Written++] = value;

        public void Guid(Guid value)
        {
            value.TryWriteBytes(_destination[Written..], bigEndian: true, out var bytes);
            Written += bytes;
        }

        public void Int64(long value)
        {
            // Small numbers in few bytes, negative ones (a clock that went back) in many.
            var zigzag = (ulong)((value << 1) ^ (value >> 63));
            while (zigzag >= 0x80)
            {
                Byte((byte)(zigzag | 0x80));
                zigzag >>= 7;
            }

            Byte((byte)zigzag);
        }

        public void Double(double value)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(_destination[Written..], value);
            Written += sizeof(double);
        }

        public void Text(string value)
        {
            Int64(Encoding.UTF8.GetByteCount(value));
            Written += Encoding.UTF8.GetBytes(value, _destination[Written..]);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> source)
    {
        private ReadOnlySpan<byte> _rest = source;

        public byte Byte() => Take(1)[0];

        public Guid Guid() => new(Take(16), bigEndian: true);

        public double Double() => BinaryPrimitives.ReadDoubleLittleEndian(Take(sizeof(double)));

        public long Int64()
        {
            ulong zigzag = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                var part = Byte();
                zigzag |= (ulong)(part & 0x7F) << shift;
                if (part < 0x80)
                {
                    return (long)(zigzag >> 1) ^ -(long)(zigzag & 1);
                }
            }

            throw new FormatException("number without end");
        }

        public int Int32()
        {
            var value = Int64();
            return value == (int)value ? (int)value : throw new FormatException($"{value} is out of range");
        }

        public string Text()
        {
            var text = Encoding.UTF8.GetString(Take(Int32()));
            return text.Contains('\0') ? throw new FormatException("NUL in a text") : text;
        }

        public RunOutcome Outcome()
        {
            var outcome = (RunOutcome)Byte();
            return Enum.IsDefined(outcome) ? outcome : throw new FormatException($"unknown outcome {(byte)outcome}");
        }

        public DateTimeOffset Instant()
        {
            var ticks = Int64();
            return ticks >= 0 && ticks <= DateTime.MaxValue.Ticks
                ? new DateTimeOffset(ticks, TimeSpan.Zero)
                : throw new FormatException("instant out of range");
        }

        private ReadOnlySpan<byte> Take(int count)
        {
            if ((uint)count > (uint)_rest.Length)
            {
                throw new FormatException("record ends early");
            }

            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}
