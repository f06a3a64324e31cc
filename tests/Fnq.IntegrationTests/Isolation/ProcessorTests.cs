using Fnq.Execution.Sandboxes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that take all the processor time they can get.</summary>
[Collection(Platform.Collection)]
public sealed class ProcessorTests(Platform platform)
{
    private const int Rounds = 5;
    private const int MemoryMb = 512;

    private const string Spinning = """
        import os, time
        def handler(event, context):
            if event.get("do") != "spin":
                return "alive"
            print("DEADLINE %.6f" % (time.time() + context.get_remaining_time_in_millis() / 1000), flush=True)
            for _ in range(event["processes"] - 1):
                if os.fork() == 0:
                    break
            while True:
                pass
        """;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task H01_an_endless_loop_gets_its_share_and_is_killed_within_100_ms_of_the_timeout(int processes)
    {
        var name = await platform.DeployAttackerAsync(Spinning, MemoryMb, timeoutSeconds: 2);
        var (late, shares) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            await platform.StillServesAsync(name);
            var sandbox = HostSandbox.Of(name);
            var call = platform.Api.InvokeTailAsync(name, $$"""{"do":"spin","processes":{{processes}}}""");
            await Until.TrueAsync(() => sandbox.Programs.Count == processes, $"{processes} processes spin");
            var programs = sandbox.Programs;
            var (begun, used) = (TimeProvider.System.GetTimestamp(), sandbox.CpuTime);
            using var observation = new PeriodicTimer(TimeSpan.FromSeconds(1));
            await observation.WaitForNextTickAsync();
            shares.Add((sandbox.CpuTime - used) / TimeProvider.System.GetElapsedTime(begun));
            var gone = await HostSandbox.GoneAsync(programs, TimeSpan.FromSeconds(10));

            var answer = await call;
            Assert.Equal((200, "Unhandled"), (answer.Status, answer.FunctionError));
            Assert.Equal(Aftermath.TimedOut(answer, 2), answer.Text);
            late.Add((gone - Deadlines.Of(answer.LogTail)).TotalMilliseconds);
            Assert.False(sandbox.IsGone);
        }

        // The median: one round may meet the moment in which this machine does something else.
        late.Sort();
        TestContext.Current.SendDiagnosticMessage(
            "{0} spinning: gone {1} ms after the deadline; CPU share {2}", processes, string.Join(' ', late.Select(ms => ms.ToString("F0"))), string.Join(' ', shares.Select(s => s.ToString("F2"))));
        Assert.InRange(late[Rounds / 2], -20, 100);
        var share = (double)CgroupLimits.CpuQuota(MemoryMb, initialising: false, int.MaxValue) / CgroupLimits.CpuPeriodMicroseconds;
        Assert.All(shares, used => Assert.InRange(used, 0.01, share * 1.15));
        await platform.StillServesAsync(name);
    }
}
