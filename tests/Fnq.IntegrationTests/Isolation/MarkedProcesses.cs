using System.Globalization;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Sandboxes;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>The processes of one function as the host sees them, known by a variable of its environment.</summary>
internal sealed class MarkedProcesses
{
    public const string Variable = "FNQ_TEST_MARK";

    public string Mark { get; } = Guid.NewGuid().ToString("N");

    public List<int> Alive() =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), out var pid) ? pid : 0)
            .Where(pid => pid > 0 && Read(pid, "environ").Contains($"{Variable}={Mark}", StringComparison.Ordinal)),
    ];

    /// <summary>Hundredths of a second that they have used since their starts.</summary>
    public long Ticks() => Alive().Sum(HostView.CpuTicks);

    /// <summary>They were busy once, and for a whole second, which has to come, they get nothing.</summary>
    public async Task StandStillAsync(bool orGone = false)
    {
        Assert.True(orGone || Ticks() > 0, "they have used the processor before");
        var (seen, since) = (-1L, TimeProvider.System.GetTimestamp());
        await Until.TrueAsync(
            () =>
            {
                var now = Ticks();
                if (now != seen)
                {
                    (seen, since) = (now, TimeProvider.System.GetTimestamp());
                }

                return (orGone && Alive().Count == 0) || TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromSeconds(1);
            },
            "the processes of the function use no processor for a second");
    }

    private static string Read(int pid, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/{file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
