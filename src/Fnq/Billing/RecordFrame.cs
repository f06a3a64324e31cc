using System.Buffers.Binary;
using System.Numerics;
using Fnq.Contracts;

namespace Fnq.Billing;

internal enum FrameStatus
{
    Whole = 0,

    /// <summary>The bytes end before the frame does.</summary>
    Cut = 1,

    /// <summary>The checksum or the length says that these bytes were never a whole frame.</summary>
    Damaged = 2,
}

/// <summary>A record with its length and CRC-32C in front: the unit of the journal, and the AMQP body is a run of them.</summary>
internal static class RecordFrame
{
    public const int HeaderBytes = 8;

    /// <exception cref="FormatException">The record is longer than any real one: refused before it could block the journal.</exception>
    public static int Write(InvocationRecord record, Span<byte> destination)
    {
        int length;
        try
        {
            length = RecordCodec.Write(record, destination[HeaderBytes..BillingLimits.FrameBytes]);
        }
        catch (Exception failure) when (failure is ArgumentException or IndexOutOfRangeException)
        {
            throw new FormatException($"the record of run {record.RunId} is over {BillingLimits.FrameBytes} bytes", failure);
        }

        var payload = destination.Slice(HeaderBytes, length);
        BinaryPrimitives.WriteInt32LittleEndian(destination, length);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], Checksum(payload));
        return HeaderBytes + length;
    }

    public static FrameStatus TryRead(ReadOnlySpan<byte> source, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (source.Length < HeaderBytes)
        {
            return FrameStatus.Cut;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(source);
        if (length is <= 0 or > BillingLimits.FrameBytes - HeaderBytes)
        {
            return FrameStatus.Damaged;
        }

        if (source.Length < HeaderBytes + length)
        {
            return FrameStatus.Cut;
        }

        payload = source.Slice(HeaderBytes, length);
        return BinaryPrimitives.ReadUInt32LittleEndian(source[4..]) == Checksum(payload)
            ? FrameStatus.Whole
            : FrameStatus.Damaged;
    }

    /// <summary>How many bytes of <paramref name="source"/> are whole frames, and how many frames these are.</summary>
    public static (int Bytes, int Records) WholePrefix(ReadOnlySpan<byte> source, int maxRecords)
    {
        var (bytes, records) = (0, 0);
        while (records < maxRecords && TryRead(source[bytes..], out var payload) == FrameStatus.Whole)
        {
            bytes += HeaderBytes + payload.Length;
            records++;
        }

        return (bytes, records);
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }
}
