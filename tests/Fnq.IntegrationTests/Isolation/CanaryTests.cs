using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>
/// Secrets planted in one function, and another that searches all it can read for anything of their form. The searcher
/// knows the form only, so that whatever it finds came from elsewhere.
/// </summary>
[Collection(Platform.Collection)]
public sealed class CanaryTests(Platform platform)
{
    private const string Hunting = """
        import os, re, socket, stat, time
        MARK = b"CAN" + b"ARY-"
        FORM = re.compile(MARK + b"[0-9a-f]{32}")
        planted = []
        def matches(content):
            return {m.decode() for m in FORM.findall(content)} if MARK in content else set()
        def files():
            found, count = {}, 0
            for folder, folders, names in os.walk("/"):
                if folder == "/proc":
                    folders[:] = [f for f in folders if f not in ("task",)]
                if re.match(r"/proc/\d+/task/\d+", folder):
                    folders.clear()
                for name in names:
                    path = os.path.join(folder, name)
                    try:
                        if name in ("mem", "pagemap", "kmsg") and folder.startswith("/proc"): continue
                        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                    except OSError: continue
                    try:
                        whole = stat.S_ISREG(os.fstat(fd).st_mode) and not folder.startswith("/proc")
                        content = b""
                        while part := os.read(fd, 1 << 20):
                            content += part
                            if not whole and len(content) > 1 << 20: break
                        count += 1
                        for match in matches(content): found.setdefault(match, []).append(path)
                    except OSError: pass
                    finally: os.close(fd)
            return found, count
        def memory():
            found, read = {}, 0
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    regions = [line.split()[0] for line in open(f"/proc/{pid}/maps") if line.split()[1].startswith("r")]
                    fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
                except OSError: continue
                for region in regions:
                    begin, end = (int(number, 16) for number in region.split("-"))
                    while begin < end:
                        try: content = os.pread(fd, min(end - begin, 1 << 22), begin)
                        except (OSError, OverflowError): break
                        if not content: break
                        read += len(content)
                        for match in matches(content): found.setdefault(match, []).append(f"memory of {pid}")
                        begin += len(content)
                os.close(fd)
            return found, read
        def network():
            found, open_ports = {}, []
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                for port in range(1, 65536):
                    with socket.socket(family, socket.SOCK_STREAM) as client:
                        client.settimeout(0.2)
                        if client.connect_ex((address, port)) != 0: continue
                        open_ports.append(port)
                        for path in (b"/", b"/2018-06-01/runtime/invocation/next", b"/2020-01-01/extension/event/next", b"/metrics", b"/healthz"):
                            with socket.socket(family, socket.SOCK_STREAM) as asked:
                                asked.settimeout(0.2)
                                try:
                                    asked.connect((address, port))
                                    asked.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                                    content = asked.recv(1 << 16)
                                except OSError: continue
                                for match in matches(content): found.setdefault(match, []).append(f"{address}:{port}{path}")
            return found, open_ports
        def hunt():
            in_files, count = files()
            in_memory, read = memory()
            in_network, ports = network()
            in_environment = {m: ["environment"] for value in os.environb.values() for m in matches(value)}
            found = {}
            for part in (in_files, in_memory, in_network, in_environment):
                for match, places in part.items(): found.setdefault(match, []).extend(places[:5])
            return {"found": found, "files": count, "bytes": read, "ports": ports}
        def handler(event, context):
            match event.get("do"):
                case "plant":
                    planted.append(event["memory"])
                    with open("/tmp/notes", "w") as file: file.write(event["tmp"])
                    print(event["log"], flush=True)
                case "hold":
                    time.sleep(event["seconds"])
                case "hunt":
                    return hunt()
            return "alive"
        """;

    [Fact]
    public async Task I05_secrets_of_one_function_are_found_by_itself_and_by_no_other()
    {
        var canaries = ((string[])["env", "memory", "tmp", "log"]).ToDictionary(place => place, _ => "CANARY-" + RandomNumberGenerator.GetHexString(32, lowercase: true));
        var owner = await platform.Api.DeployAsync(Hunting, request =>
        {
            (request["MemorySize"], request["Timeout"]) = (1769, 120);
            request["Environment"] = new JsonObject { ["Variables"] = new JsonObject { ["TOKEN"] = canaries["env"] } };
        });
        var planting = await platform.Api.InvokeTailAsync(owner, new JsonObject
        {
            ["do"] = "plant", ["memory"] = canaries["memory"], ["tmp"] = canaries["tmp"], ["log"] = canaries["log"],
        }.ToJsonString());
        Assert.Contains(canaries["log"], planting.LogTail, StringComparison.Ordinal);

        // The same search finds all three where they are allowed to be.
        var own = await HuntAsync(owner);
        Assert.Contains("/tmp/notes", own[canaries["tmp"]]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("environment", own[canaries["env"]]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("memory of", own[canaries["memory"]]!.ToJsonString(), StringComparison.Ordinal);

        // Beside it, idle and at work; then in its place.
        var other = await platform.DeployAttackerAsync(Hunting, memoryMb: 1769, timeoutSeconds: 120);
        Assert.Empty(await HuntAsync(other));
        var holding = platform.Api.CallAsync(owner, """{"do":"hold","seconds":10}""");
        Assert.Empty(await HuntAsync(other));
        await holding;
        var sandbox = HostSandbox.Of(owner);
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{owner}")).Status);
        await sandbox.GoneAsync(TimeSpan.FromSeconds(10));
        var heir = await platform.DeployAttackerAsync(Hunting, memoryMb: 1769, timeoutSeconds: 120);
        Assert.Empty(await HuntAsync(heir));
        foreach (var name in (string[])[other, heir])
        {
            var log = (await platform.VerbAsync(["logs", name])).Checked;
            Assert.Contains("REPORT RequestId", log, StringComparison.Ordinal);
            Assert.All(canaries.Values, canary => Assert.DoesNotContain(canary, log, StringComparison.Ordinal));
        }

        await platform.StillServesAsync(heir);
    }

    private async Task<JsonObject> HuntAsync(string name)
    {
        var hunt = await platform.Api.CallAsync(name, """{"do":"hunt"}""");
        Assert.InRange((int)hunt["files"]!, 2_000, 1_000_000);
        Assert.InRange((long)hunt["bytes"]!, 1 << 20, long.MaxValue);
        Assert.Contains(9001, hunt["ports"]!.AsArray().Select(port => (int)port!));
        return hunt["found"]!.AsObject();
    }
}
