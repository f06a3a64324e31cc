namespace Fnq.Execution.Sandboxes;

/// <summary>A sandbox could not be made or no longer answers; the message says what to look at.</summary>
internal sealed class SandboxException(string message, Exception? inner = null) : Exception(message, inner);
