namespace Fnq.Execution.Runtimes
{
    internal static class RuntimesCommand
    {
        public static Task<int> ListAsync(RuntimeCatalog c, TextWriter o, CancellationToken t) => Task.FromResult(0);
        public static async Task<int> InstallAsync(RuntimeCatalog c, string[] names, bool ifMissing, TextWriter o, CancellationToken t)
        {
            foreach (var n in names) { if (!ifMissing || (n == "init" ? !File.Exists(c.InitPath) : c.Find(n) is null)) { await c.InstallAsync(n, o.WriteLine, t); } }
            return 0;
        }
        public static Task<int> RemoveAsync(RuntimeCatalog c, string[] names, TextWriter o) => Task.FromResult(0);
    }
}
namespace Fnq.Logs
{
    internal static class LogsCommand
    {
        public static Task<int> RunAsync(string d, string a, string r, string n, bool f, TextWriter o, CancellationToken t) => Task.FromResult(0);
    }
}
