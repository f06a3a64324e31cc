using Fnq.Execution.Sandboxes;
using Fnq.IntegrationTests.Journeys;
using Fnq.IntegrationTests.Lifecycle;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that take memory in each way there is. All of it counts towards the size of the function.</summary>
[Collection(Platform.Collection)]
public sealed class MemoryTests(Platform platform)
{
    private const int MemoryMb = 128;

    private const string Hoarding = """
        import ctypes, fcntl, mmap, os, socket, sys
        MB = 1 << 20
        libc = ctypes.CDLL(None, use_errno=True)
        hoard = []
        def malloc():
            hoard.append(bytearray(b"x" * MB))
        def tmpfs():
            if not hoard: hoard.append(os.memfd_create("bomb"))
            os.write(hoard[0], b"x" * MB)
        def shared():
            id = libc.shmget(0, 16 * MB, 0o1600)
            if id < 0: raise OSError(ctypes.get_errno(), "shmget")
            libc.shmat.restype = ctypes.c_void_p
            address = libc.shmat(id, None, 0)
            ctypes.memset(address, 1, 16 * MB)
        def pipes():
            # What one user may have in pipes is not enough alone.
            if not hoard: hoard.append([bytearray(b"x" * MB) for _ in range(72)])
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            try: fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
            except OSError: pass
            fill(lambda: os.write(writer, b"x" * 4096))
        def sockets():
            pair = socket.socketpair()
            hoard.append(pair)
            for end in pair:
                end.setblocking(False)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MB)
                fill(lambda: end.send(b"x" * 32768))
        def fill(write):
            try:
                while True: write()
            except BlockingIOError:
                pass
        def handler(event, context):
            match event.get("do"):
                case None:
                    return "alive"
                case "ballast":
                    return sum(map(len, [bytearray(b"x" * MB) for _ in range(72)]))
                case "cache":
                    read = 0
                    for folder, _, files in os.walk("/usr"):
                        for file in files:
                            path = os.path.join(folder, file)
                            if os.path.isfile(path):
                                with open(path, "rb") as content: read += len(content.read())
                    with open("/tmp/big", "wb") as file:
                        for _ in range(400): file.write(b"x" * MB)
                    with open("/tmp/big", "rb") as file:
                        while part := file.read(MB): read += len(part)
                    os.unlink("/tmp/big")
                    return read
                case what:
                    while True:
                        globals()[what]()
        """;

    [Theory]
    [InlineData("malloc")]
    [InlineData("tmpfs")]
    [InlineData("shared")]
    [InlineData("pipes")]
    [InlineData("sockets")]
    public async Task H06_memory_of_every_kind_is_killed_at_the_size_of_the_function(string kind)
    {
        var name = await platform.DeployAttackerAsync(Hoarding, MemoryMb);
        Assert.Equal(72 << 20, (int)await platform.Api.CallAsync(name, """{"do":"ballast"}"""));
        var sandbox = HostSandbox.Of(name);
        var answer = await platform.Api.InvokeTailAsync(name, $$"""{"do":"{{kind}}"}""");
        Assert.Equal((200, "Unhandled"), (answer.Status, answer.FunctionError));
        Assert.Equal(Aftermath.OutOfMemory(answer), answer.Text);
        var report = Reports.Of(answer.LogTail);
        Assert.Equal(("error", "Runtime.OutOfMemory"), (report.Status, report.ErrorType));
        Assert.InRange(report.MaxMemoryUsedMb, MemoryMb - 8, MemoryMb);
        await sandbox.GoneAsync(TimeSpan.FromSeconds(10));
        await platform.StillServesAsync(name);
    }

    /// <summary>The one kind that can be taken back: the function goes on, and never has more than its size of it.</summary>
    [Fact]
    public async Task H06_page_cache_beyond_the_size_of_the_function_is_taken_back()
    {
        var name = await platform.DeployAttackerAsync(Hoarding, MemoryMb, timeoutSeconds: 120);
        Assert.InRange((long)await platform.Api.CallAsync(name, """{"do":"cache"}"""), 400L << 20, long.MaxValue);
        Assert.InRange(HostSandbox.Of(name).MemoryPeak, 64 << 20, (MemoryMb + CgroupLimits.MemoryAllowanceMb) << 20);
        await platform.StillServesAsync(name);
    }
}
