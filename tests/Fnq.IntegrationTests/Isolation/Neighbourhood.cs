using System.Globalization;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>
/// Windows of a well-behaved function's calls, alternately quiet and beside an attack, so that whatever else this machine
/// does falls on both. What decides is the median of the windows' p99; where it is too high, more windows are taken, since
/// a noisy minute is no property of the isolation.
/// </summary>
internal sealed class Neighbourhood(LambdaApi api, int workerPid, string neighbour)
{
    private const int PairsMin = 5;
    private const int PairsMax = 15;
    private const double RatioMax = 2;

    /// <summary>
    /// A group that had used up its quota may run to the next timer tick when it gets more, 4 ms at 250 Hz, before
    /// anything else does: four spinning shells in a group with a quota do that to a sleeping one without Fnq.
    /// </summary>
    private const double TickMs = 4;
    private const long GrowthMax = 96 << 20;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LeadIn = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(5);

    private readonly List<double> _quiet = [];
    private readonly List<double> _beside = [];

    /// <summary>
    /// The attack repeats until it is told to end and returns how often it bit. It is not counted before its first call
    /// is under way.
    /// </summary>
    public async Task HoldsAsync(string row, Func<CancellationToken, Task<int>> attack)
    {
        _ = await SampleAsync(Window);
        await BesideAsync(attack);
        _beside.Clear();
        var resident = ProcessFiles.ResidentBytes(workerPid);
        var bites = 0;
        while (_beside.Count < PairsMin || (!Holds && _beside.Count < PairsMax))
        {
            _quiet.Add(await SampleAsync(Window));
            bites += await BesideAsync(attack);
        }

        var growth = ProcessFiles.ResidentBytes(workerPid) - resident;
        TestContext.Current.SendDiagnosticMessage(
            "{0}: p99 quiet {1}, beside the attack {2} ms: {3:0.00} x; {4} attacks; worker {5} MiB more", row, Text(_quiet), Text(_beside), Ratio, bites, growth >> 20);
        Assert.True(bites > 0, $"{row}: the attack never bit");
        Assert.True(Holds, $"{row}: p99 {Text(_beside)} beside the attack, {Text(_quiet)} ms without");
        Assert.True(growth < GrowthMax, $"{row}: the worker grew by {growth >> 20} MiB");
    }

    private bool Holds => Median(_beside) <= Math.Max(RatioMax * Median(_quiet), Median(_quiet) + TickMs);

    private double Ratio => Median(_beside) / Median(_quiet);

    private async Task<int> BesideAsync(Func<CancellationToken, Task<int>> attack)
    {
        using var end = new CancellationTokenSource();
        var attacking = attack(end.Token);
        _ = await SampleAsync(LeadIn);
        _beside.Add(await SampleAsync(Window));
        await end.CancelAsync();
        return await attacking;
    }

    /// <summary>The p99, in milliseconds, of calls at a steady pace.</summary>
    private async Task<double> SampleAsync(TimeSpan window)
    {
        var time = TimeProvider.System;
        var took = new List<double>();
        var begun = time.GetTimestamp();
        using var pace = new PeriodicTimer(Pace);
        while (time.GetElapsedTime(begun) < window)
        {
            var sent = time.GetTimestamp();
            Assert.Equal("well", (string?)await api.CallAsync(neighbour));
            took.Add(time.GetElapsedTime(sent).TotalMilliseconds);
            await pace.WaitForNextTickAsync();
        }

        took.Sort();
        return took[Math.Min(took.Count - 1, (int)Math.Ceiling(took.Count * 0.99) - 1)];
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static string Text(List<double> values) => string.Join(' ', values.Select(value => value.ToString("F1", CultureInfo.InvariantCulture)));
}
