using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Fnq.Execution;

/// <summary>An error that the platform reports in the function's place: its type and its text.</summary>
internal readonly record struct RunError(string Type, string Message)
{
    /// <summary>The body that the caller gets.</summary>
    public byte[] ToPayload() => Encoding.UTF8.GetBytes(
        $$"""{"errorType":"{{JsonEncodedText.Encode(Type, JavaScript)}}","errorMessage":"{{JsonEncodedText.Encode(Message, JavaScript)}}"}""");

    private static System.Text.Encodings.Web.JavaScriptEncoder JavaScript =>
        System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
}

/// <summary>The texts with which AWS reports what befell a runtime (lambda-api.md 3).</summary>
internal static class RunErrors
{
    private const int AccessDenied = 13;
    private const int ExecFormat = 8;

    public const int MaxPayloadBytes = 6 * 1024 * 1024 + 100;

    /// <summary>What is kept of an error report beyond the limit.</summary>
    public const int KeptErrorBytes = 64 * 1024;

    /// <summary>Recorded with the message first, unlike the others.</summary>
    public static byte[] ResponseTooLargePayload { get; } = Encoding.UTF8.GetBytes(
        $$"""{"errorMessage":"Response payload size exceeded maximum allowed payload size ({{MaxPayloadBytes}} bytes).","errorType":"Function.ResponseSizeTooLarge"}""");

    public static string TimeoutText(TimeSpan timeout) =>
        string.Create(CultureInfo.InvariantCulture, $"Task timed out after {timeout.TotalSeconds:F2} seconds");

    public static RunError TimedOut(string requestId, TimeSpan timeout) =>
        new("Sandbox.Timedout", $"RequestId: {requestId} Error: {TimeoutText(timeout)}");

    public static RunError Exited(string requestId, int status) => new("Runtime.ExitError", $"RequestId: {requestId} Error: {ExitText(status)}");

    public static RunError OutOfMemory(string requestId) =>
        new("Runtime.OutOfMemory", $"RequestId: {requestId} Error: Runtime exited with error: signal: killed");

    public static RunError InvalidEntrypoint(string requestId, int errno, IReadOnlyList<string> candidates) =>
        new("Runtime.InvalidEntrypoint", $"RequestId: {requestId} Error: " + errno switch
        {
            AccessDenied => $"fork/exec {candidates[0]}: permission denied",
            ExecFormat => $"fork/exec {candidates[0]}: exec format error",
            _ => $"Couldn't find valid bootstrap(s): [{string.Join(' ', candidates)}]",
        });

    /// <summary>The beginning of an error report that is too large, as text: cut, it is no JSON of its own any more.</summary>
    public static byte[] CutError(string type, ReadOnlySpan<byte> beginning) =>
        new RunError(type, $"{Encoding.UTF8.GetString(beginning)} [truncated by Fnq: error beyond {MaxPayloadBytes} bytes]").ToPayload();

    private static string ExitText(int status) => status switch
    {
        0 => "Runtime exited without providing a reason",
        > 0 => $"Runtime exited with error: exit status {status}",
        _ => $"Runtime exited with error: signal: {SignalText(-status)}",
    };

    private static string SignalText(int signal) => signal switch
    {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        31 => "bad system call",
        _ => string.Create(CultureInfo.InvariantCulture, $"signal {signal}"),
    };
}
