using System.Text;

namespace Fnq.Execution.Sandboxes;

/// <summary>What is done to control groups by their path alone, so that it also works on those of a dead worker.</summary>
internal sealed class CgroupTree(CgroupLayout layout, TimeProvider time)
{
    /// <summary>
    /// Caps all sandboxes of the host together. Best effort: inside a container the parent may not be ours to limit.
    /// Returns the controllers that could not be limited.
    /// </summary>
    internal IReadOnlyList<string> LimitPool(string parent, IReadOnlyList<CgroupWrite> limits)
    {
        if (layout.IsUnified)
        {
            ShareControllers(parent, limits.Select(l => l.Controller).Distinct());
        }
        var unlimited = new List<string>();
        foreach (var limit in limits)
        {
            try
            {
                var folder = layout.FolderOf(limit.Controller, parent) ?? throw new IOException($"no {limit.Controller} controller");
                Directory.CreateDirectory(folder);
                // Opening what is not there must not make it.
                using var file = new FileStream(Path.Join(folder, limit.File), FileMode.Open, FileAccess.Write);
                file.Write(Encoding.ASCII.GetBytes(limit.Value));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                unlimited.Add(limit.Controller);
            }
        }
        return [.. unlimited.Distinct()];
    }

    /// <summary>
    /// A v2 group has the files of a controller only when its parent hands it down. The pool hands them down from the
    /// start: systemd takes from the root what no group below uses, and the pool's limits would go with it.
    /// </summary>
    private void ShareControllers(string parent, IEnumerable<string> controllers)
    {
        var pool = Path.Join(layout.UnifiedMount, parent);
        try
        {
            Directory.CreateDirectory(pool);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return; // The limits will say so.
        }
        foreach (var controller in controllers)
        {
            TryWrite(Path.Join(layout.UnifiedMount, "cgroup.subtree_control"), "+" + controller);
            TryWrite(Path.Join(pool, "cgroup.subtree_control"), "+" + controller);
        }
    }

    /// <summary>Kills every process below <paramref name="path"/> and removes it; false when something is left at the deadline.</summary>
    internal async Task<bool> RemoveAsync(string path, TimeSpan patience)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            if (KillAll(path) == 0 && TryRemove(path))
            {
                return true;
            }
            if (time.GetElapsedTime(started) > patience)
            {
                return false;
            }
            // The kernel tells nobody when the last process has left a v1 group.
            await Task.Delay(TimeSpan.FromMilliseconds(2), time);
        }
    }

    internal IEnumerable<int> Processes(string path) => layout.Hierarchies.Take(1)
        .SelectMany(hierarchy => ReadLines(Path.Join(hierarchy, path, "cgroup.procs")))
        .Select(line => int.TryParse(line, out var pid) ? pid : 0);

    private int KillAll(string path)
    {
        var killed = 0;
        foreach (var hierarchy in layout.Hierarchies)
        {
            foreach (var folder in Folders(Path.Join(hierarchy, path)))
            {
                killed += KillIn(folder);
            }
        }
        return killed;
    }

    /// <summary>A frozen v1 process acts on SIGKILL only after it is thawed, so thaw after the signal.</summary>
    private static int KillIn(string folder)
    {
        var killed = 0;
        foreach (var line in ReadLines(Path.Join(folder, "cgroup.procs")))
        {
            if (int.TryParse(line, out var pid) && pid > 0)
            {
                _ = Native.Kill(pid, Native.SigKill);
                killed++;
            }
        }
        if (killed > 0)
        {
            TryWrite(Path.Join(folder, "cgroup.kill"), "1");
            TryWrite(Path.Join(folder, "freezer.state"), "THAWED");
            TryWrite(Path.Join(folder, "cgroup.freeze"), "0");
        }
        return killed;
    }

    private bool TryRemove(string path)
    {
        foreach (var hierarchy in layout.Hierarchies)
        {
            foreach (var folder in Folders(Path.Join(hierarchy, path)))
            {
                try
                {
                    Directory.Delete(folder, recursive: false);
                }
                catch (DirectoryNotFoundException)
                {
                    continue;
                }
                catch (IOException)
                {
                    return false;
                }
            }
        }
        return true;
    }

    /// <summary>Deepest first, as they must be removed.</summary>
    private static List<string> Folders(string root)
    {
        var found = new List<string>();
        try
        {
            if (Directory.Exists(root))
            {
                found.AddRange(Directory.EnumerateDirectories(root, "*", SearchOption.AllDirectories).OrderByDescending(f => f.Length));
                found.Add(root);
            }
        }
        catch (DirectoryNotFoundException)
        {
            // A peer removed it meanwhile.
        }
        return found;
    }

    private static string[] ReadLines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static void TryWrite(string file, string value)
    {
        try
        {
            if (File.Exists(file))
            {
                File.WriteAllText(file, value);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The group vanished with its last process, or is the root of a v2 tree.
        }
    }
}
