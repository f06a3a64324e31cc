using System.Globalization;

namespace Fnq.Execution.Sandboxes;

/// <summary>What is done to control groups by their path alone, so that it also works on those of a dead worker.</summary>
internal sealed class CgroupTree(CgroupLayout layout, TimeProvider time)
{
    /// <summary>Caps all sandboxes of the host together. Best effort: inside a container the parent may not be ours to limit.</summary>
    internal bool TryLimitPool(string parent, long bytes)
    {
        try
        {
            foreach (var hierarchy in layout.Hierarchies)
            {
                Directory.CreateDirectory(Path.Join(hierarchy, parent));
            }
            var folder = layout.FolderOf("memory", parent);
            var file = Path.Join(folder, layout.IsUnified ? "memory.max" : "memory.limit_in_bytes");
            if (folder is null || !File.Exists(file))
            {
                return false;
            }
            File.WriteAllText(file, bytes.ToString(CultureInfo.InvariantCulture));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
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
        catch (IOException)
        {
            // The group vanished with its last process, or is the root of a v2 tree.
        }
    }
}
