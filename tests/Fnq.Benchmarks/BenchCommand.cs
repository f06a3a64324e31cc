using System.Globalization;
using Fnq.Benchmarks.Load;
using Fnq.Benchmarks.Rows;

namespace Fnq.Benchmarks;

/// <summary>The command line of <c>./fnq bench</c>.</summary>
internal static class BenchCommand
{
    private const string Usage = """
        Usage: ./fnq bench [yardstick] [--only P1,P3] [--json FILE] [--seconds N]
          --only      rows of shared figures to measure; all by default
          --json      also writes an array of {"id","value","unit","yardstick","ratio"}
          --seconds   length of one main measurement, default 6
        """;

    public static async Task<int> RunAsync(string[] arguments)
    {
        using var interrupted = new CancellationTokenSource();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            interrupted.Cancel();
        };
        try
        {
            return await RunAsync(Parse(arguments), interrupted.Token);
        }
        catch (BenchException wrong)
        {
            await Console.Error.WriteLineAsync($"fnq bench: {wrong.Message}");
            return 2;
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return 130;
        }
    }

    private static async Task<int> RunAsync(Choice choice, CancellationToken cancellationToken)
    {
        var settings = BenchSettings.Read(choice.Window);
        Console.WriteLine(MachineState.Describe());
        if (choice.YardstickOnly)
        {
            Report.Print(await YardstickRow.MeasureAsync(settings, cancellationToken));
            return 0;
        }

        Wrk.RequireInstalled();
        await using var bench = new Bench(settings);
        var rows = bench.Rows(choice.Only);
        var figures = new List<Figure>();
        var failed = 0;
        foreach (var row in rows)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Console.WriteLine($"{row.Id,-4} {row.Title} ...");
            try
            {
                figures.AddRange(await row.MeasureAsync(cancellationToken));
                Console.WriteLine($"     {TimeProvider.System.GetElapsedTime(begun).TotalSeconds:0} s, load average {MachineState.LoadAverage()}");
            }
            catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                failed++;
                Console.WriteLine($"     FAILED: {error.Message}");
            }
        }

        Report.Print(figures);
        if (choice.JsonFile is { } file)
        {
            await Report.WriteJsonAsync(file, figures, cancellationToken);
        }

        return failed == 0 ? 0 : 1;
    }

    private static Choice Parse(string[] arguments)
    {
        var choice = new Choice();
        for (var i = 0; i < arguments.Length; i++)
        {
            choice = arguments[i] switch
            {
                "yardstick" => choice with { YardstickOnly = true },
                "--only" => choice with { Only = Value(arguments, ++i).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) },
                "--json" => choice with { JsonFile = Path.GetFullPath(Value(arguments, ++i)) },
                "--seconds" => choice with { Window = Seconds(Value(arguments, ++i)) },
                _ => throw new BenchException(Usage),
            };
        }

        return choice;
    }

    private static string Value(string[] arguments, int at) => at < arguments.Length ? arguments[at] : throw new BenchException(Usage);

    private static TimeSpan Seconds(string text) =>
        double.TryParse(text, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 240
            ? TimeSpan.FromSeconds(seconds)
            : throw new BenchException("--seconds takes 1 to 240: signatures live five minutes.");

    private sealed record Choice
    {
        public bool YardstickOnly { get; init; }

        public IReadOnlyList<string> Only { get; init; } = [];

        public string? JsonFile { get; init; }

        public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(6);
    }
}
