namespace Fnq.Logs;

/// <summary>Caps a function's log folder: the oldest streams go first.</summary>
internal static class LogRetention
{
    private const int MaxStreams = 200;
    private const long MaxFolderBytes = 256L * 1024 * 1024;

    public static void Prune(string folder)
    {
        var files = new DirectoryInfo(folder).GetFiles("*.log*");
        if (files.Length <= MaxStreams / 2)
        {
            return;
        }

        foreach (var file in Surplus(files, file => file.LastWriteTimeUtc, file => file.Length))
        {
            try
            {
                file.Delete();
            }
            catch (IOException)
            {
                // Another worker on this host was faster.
            }
        }
    }

    /// <summary>The files beyond the newest that fit.</summary>
    public static IEnumerable<T> Surplus<T>(IEnumerable<T> files, Func<T, DateTime> written, Func<T, long> size)
    {
        var (count, bytes) = (0, 0L);
        foreach (var file in files.OrderByDescending(written))
        {
            bytes += size(file);
            if (++count > MaxStreams || bytes > MaxFolderBytes)
            {
                yield return file;
            }
        }
    }
}
