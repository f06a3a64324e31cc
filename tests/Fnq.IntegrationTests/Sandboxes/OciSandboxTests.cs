using System.Net;
using System.Net.Sockets;
using System.Text;
using Fnq.Execution.Sandboxes;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

public sealed class OciSandboxTests(SandboxHost host) : IClassFixture<SandboxHost>
{
    [Fact]
    public async Task Runs_a_program_with_its_environment_and_reports_its_status()
    {
        var sandbox = await host.CreateAsync();
        var (status, output) = await sandbox.RunAsync("echo \"$COLOUR\"; cat hello.txt; pwd; (exit 7)");
        Assert.Equal(7, status);
        Assert.Equal("green\nhello from the code\n/var/task\n", output);
    }

    [Fact]
    public async Task Reports_a_program_that_cannot_be_executed()
    {
        var sandbox = await host.CreateAsync();
        await sandbox.StartAsync(new ProcessSpec("/var/task", ["/var/task/bootstrap"], SandboxSteps.Variables), CancellationToken.None);
        Assert.Equal(new SandboxEvent.StartFailed(2), await sandbox.NextEventAsync());
    }

    [Fact]
    public async Task Reports_the_signal_that_ended_a_program()
    {
        var sandbox = await host.CreateAsync();
        await sandbox.StartScriptAsync("kill -SEGV $$");
        Assert.Equal(new SandboxEvent.MainExited(-11), await sandbox.NextEventAsync());
    }

    [Fact]
    public async Task Only_tmp_can_be_written_and_only_to_its_size()
    {
        var sandbox = await host.CreateAsync(storageMb: 8);
        var (_, output) = await sandbox.RunAsync("""
            for folder in / /var/task /opt /var/rapid /dev /proc /proc/sys/kernel /etc; do touch $folder/x 2>/dev/null && echo "wrote $folder"; done
            touch /tmp/x && echo "wrote /tmp"
            head -c 9000000 /dev/zero >/tmp/big 2>/dev/null || echo full
            """);
        Assert.Equal("wrote /tmp\nfull\n", output);
    }

    [Fact]
    public async Task Has_no_privileges()
    {
        var sandbox = await host.CreateAsync();
        var (_, output) = await sandbox.RunAsync("""
            id -u; id -G
            grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -d '\t' | sort -u
            for program in 'unshare -U true' 'unshare -n true' 'mount -t tmpfs x /tmp' 'mknod /tmp/n c 1 3' 'chroot / true'; do
              PATH=$PATH:/usr/sbin $program 2>/dev/null && echo "could $program"
            done
            ulimit -n; ulimit -u; ulimit -c
            cat /dev/tty /dev/kmsg 2>/dev/null && echo "read a device"
            ls /sys | wc -l
            true
            """);
        Assert.Equal("""
            1000
            1000
            CapAmb:0000000000000000
            CapBnd:0000000000000000
            CapEff:0000000000000000
            CapInh:0000000000000000
            CapPrm:0000000000000000
            NoNewPrivs:1
            Seccomp:2
            1024
            1024
            0
            0

            """, output);
    }

    [Fact]
    public async Task Sees_only_its_own_processes_network_and_descriptors()
    {
        var sandbox = await host.CreateAsync();
        var (_, output) = await sandbox.RunAsync("""
            ls /proc | grep -E '^[0-9]+$' | wc -l
            tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '
            cat /proc/net/route | wc -l
            for fd in $(ls /proc/$$/fd); do echo "fd $fd"; done | sort | head -3
            hostname 2>/dev/null || cat /proc/sys/kernel/hostname
            cat /proc/1/environ 2>/dev/null | wc -c
            """);
        var lines = output.Split('\n');
        Assert.InRange(int.Parse(lines[0]), 1, 8);
        Assert.Equal(["lo", "1", "fd 0", "fd 1", "fd 2", "sandbox", "0", ""], lines[1..]);
    }

    [Fact]
    public async Task Its_listener_is_reached_from_inside_and_not_from_the_host()
    {
        var sandbox = await host.CreateAsync();
        await sandbox.StartScriptAsync("exec 5<>/dev/tcp/127.0.0.1/9001; echo hello >&5; cat <&5");
        using var patience = new CancellationTokenSource(SandboxHost.Patience);
        using var accepted = await sandbox.RuntimeApiListener.AcceptAsync(patience.Token);
        var buffer = new byte[6];
        Assert.Equal(6, await accepted.ReceiveAsync(buffer, patience.Token));
        Assert.Equal("hello\n", Encoding.ASCII.GetString(buffer));
        await accepted.SendAsync("and back"u8.ToArray(), patience.Token);
        await sandbox.ReadUntilAsync("and back");

        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var refused = await Assert.ThrowsAsync<SocketException>(() => client.ConnectAsync(IPAddress.Loopback, 9001));
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
    }

    [Fact]
    public async Task Two_sandboxes_share_nothing()
    {
        var first = await host.CreateAsync();
        var second = await host.CreateAsync();
        await first.RunAsync("echo secret-of-first >/tmp/canary");
        var (_, output) = await second.RunAsync("cat /tmp/canary 2>/dev/null; ls -A /tmp | wc -l");
        Assert.Equal("0\n", output);
        Assert.NotEqual(first.Id, second.Id);
    }

    [Fact]
    public async Task Dev_stderr_can_be_opened_by_name()
    {
        var sandbox = await host.CreateAsync();
        var (_, output) = await sandbox.RunAsync("echo one >/dev/stdout; echo two >>/dev/stderr");
        Assert.Equal("one\ntwo\n", output);
    }

    [Fact]
    public async Task The_devices_of_the_host_keep_their_owner()
    {
        var sandbox = await host.CreateAsync();
        await sandbox.RunAsync("true");
        using var stat = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%u:%g", "/dev/null"])
        {
            RedirectStandardOutput = true,
        })!;
        Assert.Equal("0:0", (await stat.StandardOutput.ReadToEndAsync()).Trim());
    }
}
