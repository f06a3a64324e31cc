namespace Fnq.Execution.Sandboxes;

/// <summary>
/// An OCI runtime opens root file system and code as a user of the sandbox's user namespace, to whom a data folder
/// below a closed one, such as /root, is out of reach. What lies there is shown inside the bundle's folder.
/// </summary>
internal sealed class ReachablePaths(string folder)
{
    private readonly List<MountStep> _binds = [];

    /// <summary>Mounts that the OCI runtime needs while it makes the sandbox.</summary>
    internal IReadOnlyList<MountStep> Binds => _binds;

    /// <summary>The path itself, or where it can be seen under <paramref name="name"/>.</summary>
    internal string Of(string path, string name)
    {
        if (IsOpen(path))
        {
            return path;
        }
        var target = Path.Join(folder, name);
        if (Directory.Exists(path))
        {
            _ = Directory.CreateDirectory(target);
        }
        else
        {
            File.WriteAllBytes(target, []);
        }
        _binds.Add(MountStep.Bind(path, target));
        return target;
    }

    private static bool IsOpen(string path)
    {
        for (var above = Path.GetDirectoryName(path); above is not null; above = Path.GetDirectoryName(above))
        {
            if ((File.GetUnixFileMode(above) & UnixFileMode.OtherExecute) == 0)
            {
                return false;
            }
        }
        return true;
    }
}
