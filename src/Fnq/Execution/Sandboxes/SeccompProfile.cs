namespace Fnq.Execution.Sandboxes;

/// <summary>The system calls a function may make: seccomp.json beside this file, in the OCI format.</summary>
internal static class SeccompProfile
{
    internal static byte[] Load()
    {
        using var stream = typeof(SeccompProfile).Assembly.GetManifestResourceStream("Fnq.seccomp.json")
            ?? throw new InvalidOperationException("The seccomp profile is missing from this build.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
