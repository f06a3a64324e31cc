using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Fnq.Execution.Sandboxes;

/// <summary>Frames between worker and process 1: payload length (32 bits, little endian), one type byte, payload.</summary>
internal static class ControlFrame
{
    internal const int HeaderBytes = 5;
    internal const byte Start = (byte)'S', Kill = (byte)'K', Terminate = (byte)'T', Exited = (byte)'X', Failed = (byte)'F';

    /// <summary>Process 1 closes the sandbox on anything larger.</summary>
    internal const int PayloadBytesMax = 1 << 20;

    internal static byte[] Empty(byte type) => [0, 0, 0, 0, type];

    internal static byte[] StartOf(ProcessSpec process)
    {
        string[] strings =
        [
            process.WorkingFolder,
            process.Arguments.Count.ToString(CultureInfo.InvariantCulture),
            .. process.Arguments,
            .. process.Environment.Select(pair => $"{pair.Key}={pair.Value}"),
        ];
        var payload = strings.Sum(s => Encoding.UTF8.GetByteCount(s) + 1);
        if (process.Arguments.Count == 0 || payload > PayloadBytesMax || strings.Any(s => s.Contains('\0')))
        {
            throw new ArgumentException("Arguments and environment must be present, free of NUL and under 1 MiB.", nameof(process));
        }
        var frame = new byte[HeaderBytes + payload];
        BinaryPrimitives.WriteInt32LittleEndian(frame, payload);
        frame[4] = Start;
        var at = HeaderBytes;
        foreach (var text in strings)
        {
            at += Encoding.UTF8.GetBytes(text, frame.AsSpan(at)) + 1;
        }
        return frame;
    }
}
