using System.Globalization;
using System.Text;

namespace Fnq.Logs;

/// <summary><c>fnq logs NAME [-f]</c>: the lines of a function's streams by time, and with <c>-f</c> those to come.</summary>
internal static class LogsCommand
{
    /// <summary>The change that the watcher reports may be older than the read: looked at again after this time at the latest.</summary>
    private static readonly TimeSpan RecheckAfter = TimeSpan.FromSeconds(2);

    public static async Task<int> RunAsync(
        string dataFolder, string account, string region, string function, bool follow, TextWriter output, CancellationToken cancellationToken)
    {
        var folder = LogFolders.Of(dataFolder, account, region, function);
        if (!Directory.Exists(folder) && !follow)
        {
            await output.WriteLineAsync($"No logs of {function} yet.");
            return 1;
        }

        Directory.CreateDirectory(folder);
        var reader = new LogFolderReader(folder);
        using var changed = new SemaphoreSlim(0);
        using var watcher = new FileSystemWatcher(folder, "*.log");
        watcher.Changed += (_, _) => changed.Release();
        watcher.Created += (_, _) => changed.Release();
        watcher.EnableRaisingEvents = follow;
        while (true)
        {
            foreach (var line in reader.ReadNew())
            {
                await output.WriteLineAsync(line);
            }

            await output.FlushAsync(cancellationToken);
            if (!follow)
            {
                return 0;
            }

            try
            {
                await changed.WaitAsync(RecheckAfter, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return 0;
            }
        }
    }
}

/// <summary>Reads a folder of streams from where it stopped the last time.</summary>
internal sealed class LogFolderReader(string folder)
{
    private readonly Dictionary<string, long> _positions = new(StringComparer.Ordinal);

    /// <summary>New whole lines of all streams, by time.</summary>
    public IEnumerable<string> ReadNew()
    {
        var lines = new List<(long Time, string Text)>();
        foreach (var path in Directory.GetFiles(folder, "*.log.1").Concat(Directory.GetFiles(folder, "*.log")).Order(StringComparer.Ordinal))
        {
            ReadNew(path, lines);
        }

        // Stable: lines of one stream keep their order within a millisecond.
        return lines.OrderBy(line => line.Time).Select(line => line.Text);
    }

    private void ReadNew(string path, List<(long, string)> lines)
    {
        var isRotated = path.EndsWith(".1", StringComparison.Ordinal);
        if (isRotated && _positions.ContainsKey(path[..^2]) && !_positions.ContainsKey(path))
        {
            // The stream that was being read has got a new name: its rest is read under that one.
            (_positions[path], _positions[path[..^2]]) = (_positions[path[..^2]], 0);
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var position = _positions.GetValueOrDefault(path);
        if (position > file.Length)
        {
            position = 0;
        }

        var bytes = new byte[file.Length - position];
        file.Position = position;
        file.ReadExactly(bytes);
        var rest = bytes.AsSpan();
        for (int end; (end = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
        {
            if (LogLine.TryParse(rest[..end], out var source, out var time, out var text))
            {
                lines.Add((time, Show(source, time, text)));
            }
        }

        _positions[path] = file.Length - rest.Length;
    }

    private static string Show(LogSource source, long time, ReadOnlySpan<byte> text)
    {
        var shown = TerminalText.Neutralise(Encoding.UTF8.GetString(text));
        var mark = source == LogSource.Function && IsLikePlatform(shown) ? "[function] " : "";
        return string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.FromUnixTimeMilliseconds(time):yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {mark}{shown}");
    }

    /// <summary>A function that prints what only the platform prints is shown as the one who did.</summary>
    private static bool IsLikePlatform(string text) =>
        text.AsSpan().TrimStart() is var start
        && (start.StartsWith("START ", StringComparison.Ordinal) || start.StartsWith("END ", StringComparison.Ordinal)
            || start.StartsWith("REPORT ", StringComparison.Ordinal) || start.StartsWith("INIT_", StringComparison.Ordinal)
            || start.StartsWith("{\"time\":", StringComparison.Ordinal) && start.Contains("\"type\":\"platform.", StringComparison.Ordinal));
}

/// <summary>Makes what a function printed harmless to a terminal.</summary>
internal static class TerminalText
{
    /// <summary>A line break inside one event, as runtimes write it. Set in, so that what follows cannot pass for an event of its own.</summary>
    private const char BreakInEvent = '\r';
    private const string ShownBreak = "\n    ";

    /// <summary>Control characters but the tab are shown as their code: no function moves the cursor, or hides a line.</summary>
    public static string Neutralise(string text)
    {
        if (!text.Any(IsHarmful))
        {
            return text;
        }

        var shown = new StringBuilder(text.Length + 16);
        foreach (var character in text)
        {
            if (character == BreakInEvent)
            {
                shown.Append(ShownBreak);
            }
            else if (IsHarmful(character))
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
            else
            {
                shown.Append(character);
            }
        }

        return shown.ToString();
    }

    private static bool IsHarmful(char character) =>
        character != '\t' && (char.IsControl(character) || character is >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069');
}
