using System.Globalization;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>Calls an OCI runtime program. One thread per call, which ends with it: its namespaces are never anybody else's.</summary>
internal sealed class OciRuntime(string path, IReadOnlyList<string> globalArguments, SafeFileHandle hostNetwork, RuntimeMounts mounts)
{
    internal string Path => path;

    /// <summary>Whether it is given a <see cref="UserNamespace"/> that exists. One that makes its own makes them all root's.</summary>
    internal bool JoinsUserNamespaces { get; init; } = true;

    /// <summary>Looks a program up as a shell would, in the usual folders too.</summary>
    internal static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Concat(["/usr/local/bin", "/usr/sbin", "/usr/bin"])
            .Select(folder => System.IO.Path.Join(folder, name))
            .FirstOrDefault(File.Exists);

    /// <summary>Makes the network namespace, lets <paramref name="write"/> finish the bundle, runs the runtime, and returns when process 1 stands by.</summary>
    internal Task<NetworkNamespace> CreateAsync(
        string folder, SandboxPipes pipes, RuntimeView view, TimeSpan limit, Func<UserNamespace> makeUsers,
        Action<NetworkNamespace, UserNamespace?> write)
    {
        var done = new TaskCompletionSource<NetworkNamespace>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            NetworkNamespace? network = null;
            try
            {
                using var users = JoinsUserNamespaces ? makeUsers() : null;
                network = NetworkNamespace.Create(hostNetwork);
                write(network, users);
                Run(folder, pipes, view, limit);
                done.SetResult(network);
            }
            // Whatever it was, it belongs to the caller; an exception here would end the worker.
            catch (Exception e)
            {
                network?.Dispose();
                done.SetException(e);
            }
        })
        { IsBackground = true, Name = "fnq-create" }.Start();
        return done.Task;
    }

    private void Run(string folder, SandboxPipes pipes, RuntimeView view, TimeSpan limit)
    {
        var log = System.IO.Path.Join(folder, "runtime.log");
        var pidFile = System.IO.Path.Join(folder, "pid");
        string[] arguments =
        [
            .. globalArguments, "--log", log, "--log-format", "json", "--root", System.IO.Path.Join(folder, "state"),
            "run", "--detach", "--preserve-fds", "1", "--pid-file", pidFile, "--bundle", folder, System.IO.Path.GetFileName(folder),
        ];
        mounts.Enter();
        int pid;
        try
        {
            view.Show();
            pid = ChildProgram.Start(
                path, arguments, Descriptor(pipes.Input), Descriptor(pipes.OutputWriter), (int)pipes.ControlPeer.DangerousGetHandle());
        }
        finally
        {
            mounts.Leave();
        }
        pipes.CloseFarEnds();
        var status = ChildProgram.WaitFor(pid, limit);
        Hide(view);
        if (status != 0)
        {
            var reason = status is null ? $"did not answer in {limit.TotalSeconds} s" : $"ended with {status}";
            throw new SandboxException($"{path} {reason}: {LastError(log)}");
        }

        // Process 1 does the killing, and is not to wait for its turn among a thousand that are to die. Only in its own
        // group does the kernel weigh it so. Best effort: a container has no right to it.
        _ = Native.SetPriority(Native.PriorityOfProcess, int.Parse(File.ReadAllText(pidFile), CultureInfo.InvariantCulture), Native.HighestPriority);
    }

    /// <summary>The sandbox has its own copy by now. What stays here when this fails goes with the bundle's folder.</summary>
    private void Hide(RuntimeView view)
    {
        if (!view.IsEmpty)
        {
            mounts.Enter();
            view.Hide();
            mounts.Leave();
        }
    }

    private static string LastError(string log)
    {
        try
        {
            var line = File.ReadLines(log).LastOrDefault(l => l.Length > 0);
            if (line is null)
            {
                return "it said nothing";
            }
            using var json = JsonDocument.Parse(line);
            return json.RootElement.GetProperty("msg").GetString() ?? line;
        }
        catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException)
        {
            return "its log cannot be read";
        }
    }

    private static int Descriptor(SafeFileHandle handle) => (int)handle.DangerousGetHandle();
}
