using Fnq.Contracts;

namespace Fnq.Billing;

/// <summary>A record with its partition day.</summary>
internal readonly record struct RecordRow(DateOnly Day, InvocationRecord Record);

/// <summary>Bytes that no recorder of this version can write, and why.</summary>
internal readonly record struct DeadRecord(ReadOnlyMemory<byte> Bytes, string Reason);

/// <summary>What a message body holds: every readable record, and apart from them what is not.</summary>
internal sealed class RecordBatch
{
    public List<RecordRow> Rows { get; } = [];

    public List<DeadRecord> Dead { get; } = [];

    public void Add(RecordBatch other)
    {
        Rows.AddRange(other.Rows);
        Dead.AddRange(other.Dead);
    }

    /// <summary>
    /// One bad record does not take its neighbours along; behind a damaged frame nothing can be found again. Nothing of
    /// <paramref name="body"/> is kept.
    /// </summary>
    public void Add(ReadOnlySpan<byte> body)
    {
        var position = 0;
        while (position < body.Length)
        {
            var rest = body[position..];
            if (RecordFrame.TryRead(rest, out var payload) is var status && status != FrameStatus.Whole)
            {
                Dead.Add(new DeadRecord(rest.ToArray(), $"{status} frame at byte {position}"));
                return;
            }

            var length = RecordFrame.HeaderBytes + payload.Length;
            try
            {
                var record = RecordCodec.Read(payload);
                Rows.Add(new RecordRow(RunDay.Of(record.RunId), record));
            }
            catch (FormatException failure)
            {
                Dead.Add(new DeadRecord(rest[..length].ToArray(), failure.Message));
            }

            position += length;
        }
    }
}
