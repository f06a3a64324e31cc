using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>A neighbour's p99 while another function does its worst, at the CPU share of its memory size.</summary>
[Collection(Platform.Collection)]
public sealed class NeighbourTests(Platform platform)
{
    private const int AttackerMb = 512;

    /// <summary>
    /// The default size. What kernel threads write back and the worker drains on a function's behalf is in nobody's CPU
    /// share: on two busy cores filling /tmp makes it 1.5 times at this size and 2.8 at 512 MB, printing 2.3 at both.
    /// </summary>
    private const int SmallMb = 128;

    private const string Attacking = """
        import os, shutil, sys, time
        MB = 1 << 20
        def until_full(write):
            try:
                while True: write()
            except OSError:
                pass
        def handler(event, context):
            end = time.time() + event.get("seconds", 1)
            match event.get("do"):
                case "spin":
                    for _ in range(3):
                        if os.fork() == 0: break
                    while True: pass
                case "bomb":
                    while True:
                        try: os.fork()
                        except OSError: pass
                case "memory":
                    hoard = []
                    while True: hoard.append(bytearray(b"x" * MB))
                case "fill":
                    number = 0
                    while time.time() < end:
                        with open("/tmp/big", "wb", buffering=0) as file: until_full(lambda: file.write(b"x" * MB))
                        os.makedirs("/tmp/many", exist_ok=True)
                        for number in range(number, number + 2000):
                            with open(f"/tmp/many/{number}", "w"): pass
                        shutil.rmtree("/tmp/many")
                        os.unlink("/tmp/big")
                case "talk":
                    part = b"x" * 65535 + b"\n"
                    for _ in range(1 << 14): os.write(1, part)
                case "sync":
                    number = 0
                    while time.time() < end:
                        number += 1
                        path = f"/tmp/sync{number}"
                        fd = os.open(path, os.O_CREAT | os.O_RDWR)
                        os.write(fd, b"x" * (MB // 4))
                        os.fsync(fd)
                        os.close(fd)
                        os.rename(path, path + ".x")
                        os.unlink(path + ".x")
                        if number % 50 == 0: os.sync()
            return "alive"
        """;

    [Fact]
    public Task H01_spinning_leaves_the_neighbour_its_p99() => HoldsAsync("H1", "spin", "Sandbox.Timedout");

    [Fact]
    public Task H03_a_fork_bomb_leaves_the_neighbour_its_p99() => HoldsAsync("H3", "bomb", "Sandbox.Timedout");

    [Fact]
    public Task H06_memory_bombs_leave_the_neighbour_its_p99() => HoldsAsync("H6", "memory", "Runtime.OutOfMemory");

    [Fact]
    public Task H08_filling_tmp_leaves_the_neighbour_its_p99() => HoldsAsync("H8", "fill", null, SmallMb);

    [Fact]
    public Task H10_printing_a_gigabyte_leaves_the_neighbour_its_p99() => HoldsAsync("H10", "talk", null);

    [Fact]
    public Task H33_syncs_and_churn_leave_the_neighbour_its_p99() => HoldsAsync("H33", "sync", null);

    /// <summary>With --long: the figures are within a few hundredths of the bound (H1, H6) and over it (H10), see src/README.md.</summary>
    private async Task HoldsAsync(string row, string attack, string? error, int memoryMb = AttackerMb)
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("FNQ_TEST_LONG") == "1",
            "compares p99 of a neighbour, which other work on the machine moves: FNQ_TEST_LONG=1, or ./fnq test --long");
        var neighbour = await platform.Api.DeployAsync("def handler(event, context):\n    return 'well'\n", request => request["MemorySize"] = 1769);
        var attacker = await platform.DeployAttackerAsync(Attacking, memoryMb, timeoutSeconds: error == "Sandbox.Timedout" ? 2 : 60);
        await platform.StillServesAsync(attacker);
        await new Neighbourhood(platform.Api, platform.Server.Pid, neighbour).HoldsAsync(row, async end =>
        {
            var bites = 0;
            while (!end.IsCancellationRequested)
            {
                var answer = await platform.Api.InvokeAsync(attacker, $$"""{"do":"{{attack}}"}""");
                Assert.True(answer.Status == 200, answer.Text);
                Assert.Equal(error, answer.FunctionError is null ? null : (string?)answer.Json!["errorType"]);
                bites++;
            }

            return bites;
        });
        await platform.StillServesAsync(attacker);
    }
}
