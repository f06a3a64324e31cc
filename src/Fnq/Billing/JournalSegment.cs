using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Billing;

/// <summary>
/// One file of the journal: a header with the confirmed position, then frames. Not thread-safe for writers; one reader
/// may run beside one writer, because bytes before <see cref="End"/> never change.
/// </summary>
internal sealed class JournalSegment : IDisposable
{
    private const long Magic = 0x314A_514E_46; // "FNQJ1"
    private const int ConfirmedOffset = 8;
    public const int HeaderBytes = 16;

    private readonly SafeFileHandle _file;
    private long _end;

    private JournalSegment(string path, SafeFileHandle file, long confirmed, long end)
    {
        Path = path;
        _file = file;
        Confirmed = confirmed;
        _end = end;
    }

    public string Path { get; }

    /// <summary>Everything before it is a whole, answered-for frame (in a segment of our own) or merely present (in an adopted one).</summary>
    public long End => Volatile.Read(ref _end);

    /// <summary>Everything before it is safe in the broker.</summary>
    public long Confirmed { get; private set; }

    /// <summary>No more is written to it.</summary>
    public bool IsSealed { get; set; }

    public bool IsDone => IsSealed && Confirmed >= End;

    public static JournalSegment Create(string path)
    {
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            Span<byte> header = stackalloc byte[HeaderBytes];
            BinaryPrimitives.WriteInt64LittleEndian(header, Magic);
            BinaryPrimitives.WriteInt64LittleEndian(header[ConfirmedOffset..], HeaderBytes);
            RandomAccess.Write(file, header, 0);
            return new JournalSegment(path, file, HeaderBytes, HeaderBytes);
        }
        catch
        {
            file.Dispose();
            File.Delete(path);
            throw;
        }
    }

    /// <summary>A segment that another process left. A file cut inside its header holds nothing that was ever answered.</summary>
    public static JournalSegment Adopt(string path)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        Span<byte> header = stackalloc byte[HeaderBytes];
        var length = RandomAccess.GetLength(file);
        var whole = RandomAccess.Read(file, header, 0) == HeaderBytes && BinaryPrimitives.ReadInt64LittleEndian(header) == Magic;
        var confirmed = whole ? BinaryPrimitives.ReadInt64LittleEndian(header[ConfirmedOffset..]) : length;
        return new JournalSegment(path, file, Math.Clamp(confirmed, HeaderBytes, Math.Max(length, HeaderBytes)), length) { IsSealed = true };
    }

    /// <summary>One write(2): the page cache has the frame when it returns. A failed one leaves the end where it was.</summary>
    public long Append(ReadOnlySpan<byte> frame)
    {
        RandomAccess.Write(_file, frame, _end);
        Volatile.Write(ref _end, _end + frame.Length);
        return _end;
    }

    /// <summary>The next whole frames that are not confirmed; none when there are no bytes left, or only torn ones.</summary>
    public (int Bytes, int Records) Read(Span<byte> buffer)
    {
        var wanted = (int)Math.Min(buffer.Length, End - Confirmed);
        return wanted <= 0
            ? (0, 0)
            : RecordFrame.WholePrefix(buffer[..ReadFully(buffer[..wanted])], BillingLimits.BatchRecords);
    }

    /// <summary>Gives up what follows the confirmed position; only in a sealed segment, where no writer is about.</summary>
    public long DropRest()
    {
        var dropped = End - Confirmed;
        Volatile.Write(ref _end, Confirmed);
        return dropped;
    }

    public void Confirm(int bytes)
    {
        Confirmed += bytes;
        Span<byte> position = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(position, Confirmed);
        RandomAccess.Write(_file, position, ConfirmedOffset);
    }

    public void Dispose() => _file.Dispose();

    public void Delete()
    {
        Dispose();
        File.Delete(Path);
    }

    private int ReadFully(Span<byte> buffer)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var read = RandomAccess.Read(_file, buffer[total..], Confirmed + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }
}
