using System.Buffers.Binary;
using Fnq.Contracts;

namespace Fnq.Billing;

/// <summary>The partition of a run: the UTC day in its UUIDv7, so that every copy of a record lands in the same one.</summary>
internal static class RunDay
{
    // Outside of these an id was not made by a clock; a partition for it would never be cleaned up.
    private static readonly DateOnly First = new(2020, 1, 1);
    private static readonly DateOnly Last = new(2100, 1, 1);

    /// <exception cref="FormatException">No UUIDv7, or a time that no clock shows.</exception>
    public static DateOnly Of(RunId run)
    {
        Span<byte> bytes = stackalloc byte[16];
        run.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        if (run.Value.Version != 7)
        {
            throw new FormatException($"run id {run} is no UUIDv7");
        }

        var milliseconds = BinaryPrimitives.ReadInt64BigEndian(bytes) >>> 16;
        if (milliseconds > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
        {
            throw new FormatException($"run id {run} is from no known time");
        }

        var day = DateOnly.FromDateTime(DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime);
        return day >= First && day < Last ? day : throw new FormatException($"run id {run} is from {day:O}");
    }
}
