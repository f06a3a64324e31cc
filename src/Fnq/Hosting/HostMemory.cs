namespace Fnq.Hosting;

/// <summary>What this machine or its container has.</summary>
internal static class HostMemory
{
    public static int TotalMb { get; } = (int)Math.Min(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20, int.MaxValue);
}
