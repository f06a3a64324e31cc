using Fnq.Hosting;
namespace Fnq.Server;
internal sealed class Demo(FnqSettings settings, TextWriter output) { public Task<int> RunAsync(CancellationToken t) { output.Write(settings.Port); return Task.FromResult(0); } }
