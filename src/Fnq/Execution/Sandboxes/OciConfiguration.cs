using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Fnq.Execution.Sandboxes;

/// <summary>Everything that decides one sandbox's config.json.</summary>
internal sealed record OciInput(
    SandboxSpec Spec,
    string InitPath,
    string EmptyFolder,
    string NetworkPath,
    string CgroupPath,
    int FirstHostUid,
    byte[]? Seccomp)
{
    /// <summary>The user namespace to enter; null lets the OCI runtime make one.</summary>
    public string? UserPath { get; init; }

    /// <summary>Where /tmp is mounted already; null for memory of the function.</summary>
    public string? TmpFolder { get; init; }

    /// <summary>Code and layers are mounted later, in the folders that stand in for them now.</summary>
    public bool IsPrepared { get; init; }

    /// <summary>Shown as /etc/resolv.conf; null leaves the root's own.</summary>
    public string? ResolverFile { get; init; }

    /// <summary>See <see cref="CgroupLimits.CpuQuota"/>.</summary>
    public required int CpuQuotaMax { get; init; }
}

/// <summary>Writes the OCI configuration: what a sandbox may see and use. The settings are those of promises 4.</summary>
internal static class OciConfiguration
{
    internal const int FunctionUid = 1_000;
    internal const int UidsPerSlot = 65_536;
    private const int ProcessesMax = 1_024;
    internal const int InodesPerMb = 64;
    private const long Mebibyte = 1 << 20;

    internal static byte[] Write(OciInput input)
    {
        using var stream = new MemoryStream(32_768);
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("ociVersion", "1.0.2");
            WriteProcess(json, input.Spec);
            json.WriteStartObject("root");
            json.WriteString("path", input.Spec.RootFileSystem);
            json.WriteBoolean("readonly", true);
            json.WriteEndObject();
            json.WriteString("hostname", "sandbox");
            WriteMounts(json, input);
            WriteLinux(json, input);
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static void WriteProcess(Utf8JsonWriter json, SandboxSpec spec)
    {
        json.WriteStartObject("process");
        json.WriteBoolean("terminal", false);
        json.WriteStartObject("user");
        json.WriteNumber("uid", FunctionUid);
        json.WriteNumber("gid", FunctionUid);
        json.WriteEndObject();
        WriteStrings(json, "args", "/var/rapid/init");
        WriteStrings(json, "env");
        json.WriteString("cwd", "/var/task");
        json.WriteStartObject("capabilities");
        foreach (var set in (string[])["bounding", "effective", "inheritable", "permitted", "ambient"])
        {
            WriteStrings(json, set);
        }
        json.WriteEndObject();
        json.WriteBoolean("noNewPrivileges", true);
        // Before the worker, the broker and the database when the host runs out of memory.
        json.WriteNumber("oomScoreAdj", 500);
        json.WriteStartArray("rlimits");
        WriteLimit(json, "RLIMIT_NOFILE", 7, 1_024);
        WriteLimit(json, "RLIMIT_NPROC", 6, ProcessesMax);
        WriteLimit(json, "RLIMIT_CORE", 4, 0);
        WriteLimit(json, "RLIMIT_MEMLOCK", 8, 65_536);
        WriteLimit(json, "RLIMIT_STACK", 3, 8 * (ulong)Mebibyte);
        // Above the size of /tmp, so that a full /tmp is ENOSPC and not SIGXFSZ.
        WriteLimit(json, "RLIMIT_FSIZE", 1, (ulong)((spec.EphemeralStorageMb + 1) * Mebibyte));
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>A worker without CAP_SYS_RESOURCE cannot hand out more than its own hard limit.</summary>
    private static unsafe void WriteLimit(Utf8JsonWriter json, string type, int resource, ulong value)
    {
        Native.ResourceLimit own;
        if (Native.GetLimit(resource, &own) == 0)
        {
            value = Math.Min(value, own.Hard);
        }
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteNumber("soft", value);
        json.WriteNumber("hard", value);
        json.WriteEndObject();
    }

    private static void WriteMounts(Utf8JsonWriter json, OciInput input)
    {
        var spec = input.Spec;
        var size = string.Create(CultureInfo.InvariantCulture, $"size={spec.EphemeralStorageMb}m");
        var inodes = string.Create(CultureInfo.InvariantCulture, $"nr_inodes={spec.EphemeralStorageMb * InodesPerMb}");
        json.WriteStartArray("mounts");
        WriteMount(json, "/proc", "proc", "proc", "nosuid", "noexec", "nodev");
        WriteMount(json, "/dev", "tmpfs", "tmpfs", "nosuid", "noexec", "mode=755", "size=64k", "nr_inodes=64");
        if (input.TmpFolder is { } tmp)
        {
            WriteMount(json, "/tmp", "bind", tmp, "bind", "rw", "nosuid", "nodev");
        }
        else
        {
            WriteMount(json, "/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "mode=1777", size, inodes);
        }
        string[] readOnly = input.IsPrepared ? ["bind", "ro", "nosuid", "nodev", "rslave"] : ["bind", "ro", "nosuid", "nodev"];
        WriteMount(json, "/var/task", "bind", spec.CodeFolder, readOnly);
        WriteMount(json, "/opt", "bind", spec.LayersFolder ?? input.EmptyFolder, readOnly);
        WriteMount(json, "/var/rapid/init", "bind", input.InitPath, "bind", "ro", "nosuid", "nodev");
        // The root of user images may have no such file, and nothing can be made in it.
        if (input.ResolverFile is { } resolvers && File.Exists(Path.Join(spec.RootFileSystem, "etc/resolv.conf")))
        {
            WriteMount(json, "/etc/resolv.conf", "bind", resolvers, "bind", "ro", "nosuid", "nodev", "noexec");
        }
        json.WriteEndArray();
    }

    private static void WriteMount(Utf8JsonWriter json, string destination, string type, string source, params ReadOnlySpan<string> options)
    {
        json.WriteStartObject();
        json.WriteString("destination", destination);
        json.WriteString("type", type);
        json.WriteString("source", source);
        WriteStrings(json, "options", options);
        json.WriteEndObject();
    }

    private static void WriteLinux(Utf8JsonWriter json, OciInput input)
    {
        json.WriteStartObject("linux");
        json.WriteStartArray("namespaces");
        WriteNamespace(json, "user", input.UserPath);
        foreach (var type in (string[])["pid", "mount", "ipc", "uts", "cgroup"])
        {
            WriteNamespace(json, type, path: null);
        }
        WriteNamespace(json, "network", input.NetworkPath);
        json.WriteEndArray();
        WriteMapping(json, "uidMappings", input.FirstHostUid);
        WriteMapping(json, "gidMappings", input.FirstHostUid);
        json.WriteString("cgroupsPath", input.CgroupPath);
        if (input.IsPrepared)
        {
            // A private root would cut off what is mounted later.
            json.WriteString("rootfsPropagation", "rslave");
        }
        WriteResources(json, input.Spec, input.CpuQuotaMax);
        WriteStrings(json, "maskedPaths", "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
            "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/interrupts");
        WriteStrings(json, "readonlyPaths", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");
        if (input.Seccomp is not null)
        {
            json.WritePropertyName("seccomp");
            json.WriteRawValue(input.Seccomp, skipInputValidation: true);
        }
        json.WriteEndObject();
    }

    private static void WriteNamespace(Utf8JsonWriter json, string type, string? path)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        if (path is not null)
        {
            json.WriteString("path", path);
        }
        json.WriteEndObject();
    }

    private static void WriteResources(Utf8JsonWriter json, SandboxSpec spec, int cpuQuotaMax)
    {
        var memory = CgroupLimits.MemoryBytes(spec.MemorySizeMb);
        json.WriteStartObject("resources");
        json.WriteStartObject("memory");
        json.WriteNumber("limit", memory);
        json.WriteNumber("swap", memory);
        json.WriteEndObject();
        json.WriteStartObject("pids");
        json.WriteNumber("limit", ProcessesMax + 8);
        json.WriteEndObject();
        json.WriteStartObject("cpu");
        json.WriteNumber("shares", CgroupLimits.CpuShares(spec.MemorySizeMb));
        json.WriteNumber("period", CgroupLimits.CpuPeriodMicroseconds);
        json.WriteNumber("quota", CgroupLimits.CpuQuota(spec.MemorySizeMb, initialising: true, cpuQuotaMax));
        json.WriteEndObject();
        json.WriteStartArray("devices");
        WriteDevice(json, allow: false, minor: null, "rwm");
        foreach (var minor in (int[])[3, 5, 7, 8, 9]) // null zero full random urandom
        {
            WriteDevice(json, allow: true, minor, "rw");
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteDevice(Utf8JsonWriter json, bool allow, int? minor, string access)
    {
        json.WriteStartObject();
        json.WriteBoolean("allow", allow);
        if (minor is { } number)
        {
            json.WriteString("type", "c");
            json.WriteNumber("major", 1);
            json.WriteNumber("minor", number);
        }
        json.WriteString("access", access);
        json.WriteEndObject();
    }

    private static void WriteMapping(Utf8JsonWriter json, string name, int firstHostId)
    {
        json.WriteStartArray(name);
        json.WriteStartObject();
        json.WriteNumber("containerID", 0);
        json.WriteNumber("hostID", firstHostId);
        json.WriteNumber("size", UidsPerSlot);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, params ReadOnlySpan<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }
        json.WriteEndArray();
    }
}
