namespace Fnq.Benchmarks.Load;

internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("fnq-bench-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
