using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that look around: at other processes, at files, at what was left open for them.</summary>
[Collection(Platform.Collection)]
public sealed class VisibilityTests(Platform platform)
{
    private const string Looking = """
        import os, subprocess, sys
        def attempt(action):
            try: return action()
            except OSError as refused: return f"errno {refused.errno}"
        def read(path):
            with open(path, "rb") as file: return file.read(1 << 16).decode("latin-1")
        def overwrite(path):
            os.close(os.open(path, os.O_WRONLY))
            return "opened"
        def processes():
            pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
            own = os.readlink("/proc/self/ns/pid")
            others = [pid for pid in pids if attempt(lambda: os.readlink(f"/proc/{pid}/ns/pid")) not in (own, "errno 13")]
            return {"pids": [int(pid) for pid in pids], "others": others, "self": os.getpid()}
        def first_process():
            files = ["environ", "mem", "maps", "fd/3", "root/etc/passwd", "cwd/x", "exe", "stack", "syscall", "io"]
            return {file: attempt(lambda: read(f"/proc/1/{file}")) for file in files}
        def worker(pid):
            return {"exists": os.path.exists(f"/proc/{pid}"), "memory": attempt(lambda: read(f"/proc/{pid}/mem")),
                    "signal": attempt(lambda: os.kill(pid, 0)), "parent": os.getppid()}
        def mounts():
            with open("/proc/self/mountinfo") as lines:
                return [{"point": f[4], "options": f[5].split(","), "type": f[f.index("-") + 1]} for f in map(str.split, lines)]
        def hunt(reversed_words):
            # The words are never in this process the right way round but while they are compared.
            found, files = [], 0
            for folder, folders, names in os.walk("/"):
                if folder == "/":
                    folders.remove("proc")
                for name in names:
                    path = os.path.join(folder, name)
                    if not os.path.isfile(path) or os.path.islink(path): continue
                    try: content = open(path, "rb").read()
                    except OSError: continue
                    files += 1
                    found += [path for word in reversed_words if word[::-1].encode() in content]
            return {"files": files, "found": found}
        def descriptors(of):
            return {fd: attempt(lambda: os.readlink(f"/proc/{of}/fd/{fd}")) for fd in sorted(os.listdir(f"/proc/{of}/fd"), key=int)}
        def child_descriptors():
            code = "import os; print(*sorted(os.listdir('/proc/self/fd'), key=int))"
            return subprocess.run([sys.executable, "-c", code], close_fds=False, capture_output=False, stdout=subprocess.PIPE).stdout.decode().split()
        def escapes():
            tried = ["/proc/self/cwd", "/proc/self/root"] + [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
            host = {}
            for start in tried:
                for up in ("/../../../../../../../..", "/.."):
                    host[start + up] = attempt(lambda: os.path.exists(start + up + "/run/fnq") or os.path.exists(start + up + "/sys/fs/cgroup/memory"))
            return {path: seen for path, seen in host.items() if seen is True}
        def programs():
            paths = ["/proc/self/exe", "/proc/1/exe", "/var/rapid/init", "/var/runtime/bootstrap", sys.executable, "/var/task/app.py", "/usr/bin/bash",
                     "/lib64/ld-linux-x86-64.so.2"]
            return {path: attempt(lambda: overwrite(path)) for path in paths}
        def handler(event, context):
            match event.get("do"):
                case "processes": return processes() | {"first": first_process(), "worker": worker(event["worker"]), "environ": dict(os.environ)}
                case "hunt": return hunt(event["words"]) | {"mounts": mounts()}
                case "open": return {"own": descriptors("self"), "child": child_descriptors(), "escapes": escapes(), "cwd": os.readlink("/proc/self/cwd")}
                case "overwrite": return programs()
                case "host": return {"load": read("/proc/loadavg"), "stat": read("/proc/stat"), "uptime": read("/proc/uptime"), "pids": processes()["pids"],
                                     "writable": attempt(lambda: overwrite("/proc/loadavg"))}
            return "alive"
        """;

    [Fact]
    public async Task H22_a_function_sees_its_own_processes_and_nothing_of_the_worker()
    {
        var name = await platform.DeployAttackerAsync(Looking);
        var seen = await platform.Api.CallAsync(name, new JsonObject { ["do"] = "processes", ["worker"] = platform.Server.Pid }.ToJsonString());
        var pids = seen["pids"]!.AsArray().Select(pid => (int)pid!).ToList();
        Assert.Equal(2, pids.Count);
        Assert.Contains(1, pids);
        Assert.Contains((int)seen["self"]!, pids);
        Assert.Empty(seen["others"]!.AsArray());
        Assert.All(seen["first"]!.AsObject(), file => Assert.Matches("^errno (13|1|2)$", (string?)file.Value));

        var worker = seen["worker"]!;
        Assert.Equal((false, "errno 2", "errno 3", 1), ((bool)worker["exists"]!, (string)worker["memory"]!, (string)worker["signal"]!, (int)worker["parent"]!));
        var environ = seen["environ"]!.AsObject();
        Assert.DoesNotContain(environ, variable => variable.Key.StartsWith("FNQ_", StringComparison.Ordinal));
        Assert.All(platform.Secrets, secret => Assert.DoesNotContain(secret, environ.ToJsonString(), StringComparison.Ordinal));
        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H23_the_file_system_has_the_runtime_and_the_own_code_and_only_tmp_can_be_written()
    {
        var name = await platform.DeployAttackerAsync(Looking, memoryMb: 1769, timeoutSeconds: 120);
        await platform.StillServesAsync(name);
        var folder = Path.GetFileName(Path.GetDirectoryName(platform.Server.DataFolder)!);
        var words = platform.Secrets.Append(folder).Select(word => (JsonNode)new string([.. word.Reverse()])).ToArray();
        var hunt = await platform.Api.CallAsync(name, new JsonObject { ["do"] = "hunt", ["words"] = new JsonArray(words) }.ToJsonString());
        Assert.InRange((int)hunt["files"]!, 2_000, 1_000_000);
        Assert.Empty(hunt["found"]!.AsArray());

        // The same hunt finds what is there: a word of its own code.
        var own = await platform.Api.CallAsync(name, """{"do":"hunt","words":["dnuor yaw thgir eht"]}""");
        Assert.Equal(["/var/task/app.py"], own["found"]!.AsArray().Select(path => (string)path!));

        var mounts = hunt["mounts"]!.AsArray().Select(m => (Point: (string)m!["point"]!, Options: m["options"]!.AsArray().Select(o => (string)o!).ToList())).ToList();
        string[] ours = ["/", "/dev", "/opt", "/proc", "/tmp", "/var/rapid/init", "/var/task"];
        // The resolver's file is there where functions reach a network.
        string[] sealedOff = ["/opt", "/var/task", "/var/rapid/init", "/etc/resolv.conf"];
        Assert.All(mounts, m => Assert.True(
            ours.Contains(m.Point) || sealedOff.Contains(m.Point) || m.Point.StartsWith("/proc/", StringComparison.Ordinal)
                || m.Point.StartsWith("/dev/", StringComparison.Ordinal), m.Point));
        Assert.All(ours, point => Assert.Contains(mounts, m => m.Point == point));
        Assert.All(mounts.Where(m => m.Point == "/" || sealedOff.Contains(m.Point)), m => Assert.Contains("ro", m.Options));
        Assert.All(mounts.Where(m => m.Point == "/tmp" || sealedOff.Contains(m.Point)), m => Assert.Superset(new HashSet<string> { "nosuid", "nodev" }, m.Options.ToHashSet()));
        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H32_nothing_of_the_worker_is_open_and_no_path_leads_out()
    {
        var name = await platform.DeployAttackerAsync(Looking);
        var open = await platform.Api.CallAsync(name, """{"do":"open"}""");
        var own = open["own"]!.AsObject().ToDictionary(fd => int.Parse(fd.Key), fd => (string)fd.Value!);
        Assert.Equal([0, 1, 2], own.Keys.Order().Take(3));
        Assert.Equal("/dev/null", own[0]);
        Assert.All([1, 2], fd => Assert.StartsWith("pipe:", own[fd], StringComparison.Ordinal));

        // The runtime's connection to the Runtime API, the log that JSON lines would go to, and the folder just listed.
        Assert.All(own.Where(fd => fd.Key > 2), fd => Assert.Matches(@"^(socket:\[\d+\]|pipe:\[\d+\]|anon_inode:.*|/proc/\d+/fd|errno 2)$", fd.Value));
        Assert.InRange(own.Count, 4, 6);
        Assert.Equal(["0", "1", "2", "3"], open["child"]!.AsArray().Select(fd => (string)fd!));
        Assert.Empty(open["escapes"]!.AsObject());
        Assert.Equal("/var/task", (string?)open["cwd"]);
        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H32_no_program_that_the_platform_runs_can_be_overwritten()
    {
        string[] programs = [.. new[] { "/usr/bin/crun", "/usr/sbin/runc", "/usr/bin/runc", Path.Combine(Repository.RuntimesFolder, "init") }.Where(File.Exists)];
        var before = programs.Select(Digest).ToList();
        var name = await platform.DeployAttackerAsync(Looking);
        var attempts = (await platform.Api.CallAsync(name, """{"do":"overwrite"}""")).AsObject();
        Assert.Equal(8, attempts.Count);

        // Not permitted, text file busy, read-only file system.
        Assert.All(attempts, attempt => Assert.Matches("^errno (1|13|26|30)$", (string?)attempt.Value));
        await platform.StillServesAsync(name);
        Assert.Equal(before, programs.Select(Digest));
    }

    /// <summary>A residue of the shared kernel, see the README: how busy the host is can be seen, who is on it cannot.</summary>
    [Fact]
    public async Task H39_the_load_of_the_host_can_be_read_but_none_of_its_processes()
    {
        var name = await platform.DeployAttackerAsync(Looking);
        var seen = await platform.Api.CallAsync(name, """{"do":"host"}""");
        Assert.Equal(2, seen["pids"]!.AsArray().Count);
        var processors = (await File.ReadAllTextAsync("/proc/stat")).Split('\n').Count(line => line.StartsWith("cpu", StringComparison.Ordinal));
        Assert.Equal(processors, ((string)seen["stat"]!).Split('\n').Count(line => line.StartsWith("cpu", StringComparison.Ordinal)));
        var uptime = double.Parse((await File.ReadAllTextAsync("/proc/uptime")).Split(' ')[0]);
        Assert.InRange(double.Parse(((string)seen["uptime"]!).Split(' ')[0]), uptime - 10, uptime + 1);

        // The last field is the youngest pid: of the reader's own pid namespace.
        Assert.InRange(int.Parse(((string)seen["load"]!).Trim().Split(' ')[^1]), 2, 1_000);
        Assert.Matches("^errno ", (string?)seen["writable"]);
        await platform.StillServesAsync(name);
    }

    private static string Digest(string file)
    {
        using var content = File.OpenRead(file);
        return Convert.ToHexString(SHA256.HashData(content));
    }
}
