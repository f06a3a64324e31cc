using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.Execution.Code;
using Fnq.Functions.Packages;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Fnq.Tests.Functions;
using Xunit;
using static Fnq.Tests.Functions.ZipBuilder;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Rows A1 to A7: hostile code packages. Each case of a row is a unit test of the reader; here they come over the API.</summary>
[Collection(Platform.Collection)]
public sealed class PackageInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    /// <summary>
    /// The garbage of one 70 MB body, grown by doubling, is 430 MB until it is collected; then 155 are left.
    /// What bodies may hold at a time is bounded by BodyBudget.
    /// </summary>
    private const int CollectorsShareMegabytes = 250;

    [Theory]
    [InlineData("../evil")]
    [InlineData("/etc/fnq-evil")]
    [InlineData("..\\evil")]
    [InlineData("C:\\evil")]
    [InlineData("a\0b")]
    [InlineData("%2e%2e/evil")]
    public async Task A01_names_that_leave_the_package(string name)
    {
        var before = CacheEntries();
        await BadZipAsync(Of(File("app.py"), File(name)));
        Assert.Equal(before, CacheEntries());
        Assert.False(Path.Exists("/etc/fnq-evil"));
    }

    [Fact]
    public async Task A02_links_and_what_is_no_file()
    {
        await BadZipAsync(Of(Link("etc", "../../../../etc"), File("etc/passwd")));
        await BadZipAsync(Of(Link("passwd", "/etc/passwd")));
        await BadZipAsync(Of(Link("d/up", ".."), Link("x", "d/up/../..")));
        foreach (var kind in (int[])[0x1000, 0x2000, 0x6000, 0xC000])
        {
            await BadZipAsync(Of(File("app.py"), File("odd") with { Mode = kind | 0x1FF }));
        }

        // A link that stays inside is kept.
        var name = await DeployAsync(Of(File("real.py", GoodFunction.Code), Link("app.py", "real.py")));
        Assert.Equal("7", (await Api.CallAsync(name, "7")).ToJsonString());
    }

    [Fact]
    public async Task A03_bombs_are_counted_by_their_real_bytes() => await MemoryStaysAsync(CollectorsShareMegabytes, async () =>
    {
        const string tooLarge = "Unzipped size must be smaller than 262144000 bytes";
        var zeros = Zeros(300);
        for (var again = 0; again < 6; again++)
        {
            await RefusedAsync(CreateAsync(zip: zeros), 400, "InvalidParameterValueException", tooLarge);
        }

        await BadZipAsync(Of(new ZipItem("liar", new byte[50_000_000]) { Deflate = true, DeclaredSize = 10 }));
        await BadZipAsync(Of(File("a", "aaaaaaaaaaaaaaaa"), File("b") with { Offset = 0, LocalName = "a" }));
        await RefusedAsync(CreateAsync(zip: new byte[52_428_801]), 413, "RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes");

        // A zip in a zip is a file like others: nobody opens it.
        var nested = Of(new ZipItem("inner.zip", zeros), File("app.py", GoodFunction.Code));
        Assert.Equal("1", (await Api.CallAsync(await DeployAsync(nested), "1")).ToJsonString());
        Assert.False(Directory.Exists(Path.Combine(Server.DataFolder, "code", "inner")));
    });

    [Fact]
    public async Task A04_too_many_entries_and_twins()
    {
        await BadZipAsync(Many(PackageLimits.Entries + 1));
        await BadZipAsync(Of(File(string.Join('/', Enumerable.Repeat(new string('n', 200), 6)))));
        await BadZipAsync(Of(File("a"), File("a")));
        await BadZipAsync(Of(File("Readme.md"), File("README.md")));
        await BadZipAsync(Of(File("caf\u00e9"), File("cafe\u0301")));
        await BadZipAsync(Of(File("lib"), File("lib.")));
        await BadZipAsync(Of(File("lib"), File("lib ")));
        var deep = string.Join('/', Enumerable.Repeat("x", 500));
        await BadZipAsync(Of([.. Enumerable.Range(0, 250).Select(i => File($"{i}/{deep}"))]));
    }

    [Fact]
    public async Task A05_zips_that_two_readers_would_read_differently()
    {
        var zip = Of(File("app.py", GoodFunction.Code));
        await BadZipAsync(zip[..^20]);
        await BadZipAsync([.. zip, .. zip]);
        await BadZipAsync(Build([File("a")], prefix: "#!/bin/sh\n"u8.ToArray()));
        await BadZipAsync(Build([File("a")], suffix: [1, 2, 3]));
        await BadZipAsync(Build([File("a")], entryCount: 2));
        await BadZipAsync(Of(File("a") with { Flags = 1 }));
        await BadZipAsync(Of(File("a") with { Method = 12 }));
        await BadZipAsync(Of(File("a") with { Flags = 8, Crc = 7 }));
        await BadZipAsync(Of(File("a") with { DeclaredSize = uint.MaxValue, Extra = [1, 0, 8, 0, 255, 255, 255, 255, 255, 255, 255, 127] }));
        await RefusedAsync(CreateAsync(zip: []), 400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip");
    }

    [Fact]
    public async Task A06_modes_and_owners_of_the_zip_mean_nothing()
    {
        const string code = """
            import os
            def handler(event, context):
                stats = {n: os.stat('/var/task/' + n) for n in ('app.py', 'tool', 'open', 'dir', '')}
                return {n or '.': [oct(s.st_mode & 0o7777), s.st_uid == os.getuid()] for n, s in stats.items()}
            """;

        // Info-ZIP's field for uid 0 and gid 0.
        byte[] owners = [0x75, 0x78, 11, 0, 1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0];
        var name = await DeployAsync(Of(
            File("app.py", code) with { Mode = 0x8180 }, File("tool") with { Mode = 0x8FFF, Extra = owners }, File("open") with { Mode = 0x81B6 },
            new ZipItem("dir/", []) { Mode = 0x4FFF }));
        var modes = await Api.CallAsync(name);
        Assert.Equal(
            """{"app.py":["0o444",false],"tool":["0o555",false],"open":["0o444",false],"dir":["0o555",false],".":["0o555",false]}""",
            modes.ToJsonString());
    }

    [Fact]
    public async Task A07_what_is_not_the_zip_that_it_claims_to_be()
    {
        const string type = "InvalidRequestContentException";
        foreach (var text in (string[])["*not base64*", "UEsDB", "UEsDBA==\n\u0000"])
        {
            await RefusedAsync(CreateAsync(request => request["Code"] = new JsonObject { ["ZipFile"] = text }), 400, type);
        }

        using var gzip = new MemoryStream();
        using (var packer = new GZipStream(gzip, CompressionLevel.Fastest, leaveOpen: true))
        {
            packer.Write(Encoding.UTF8.GetBytes(GoodFunction.Code));
        }

        await BadZipAsync(gzip.ToArray());
        await BadZipAsync("def handler(event, context): pass\n"u8.ToArray());
    }

    [Fact]
    public async Task A07_a_package_that_was_changed_in_the_store_is_not_unpacked_and_the_old_code_goes_on()
    {
        var name = await DeployAsync(Of(File("app.py", GoodFunction.Code)));
        var zip = Of(File("app.py", GoodFunction.Code + $"# {Guid.NewGuid()}\n"));
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(zip));

        // The store has it already, and one of its bytes is another's.
        var damaged = zip.ToArray();
        damaged[40] ^= 1;
        await using (var database = Database())
        {
            await using var insert = database.CreateCommand("insert into code_packages (digest, size, bytes, created_at) values ($1, length($2), $2, now())");
            insert.Parameters.AddWithValue(digest);
            insert.Parameters.AddWithValue(damaged);
            await insert.ExecuteNonQueryAsync();
        }

        var updated = await Api.SendJsonAsync("PUT", $"{Functions}/{name}/code", new JsonObject { ["ZipFile"] = Convert.ToBase64String(zip) });
        Assert.True(updated.Status == 200, updated.Text);
        await Until.TrueAsync(async () => (string?)(await Api.ConfigurationAsync(name))["LastUpdateStatus"] == "Failed", "the update fails");
        Assert.Contains("changed or damaged", (string?)(await Api.ConfigurationAsync(name))["LastUpdateStatusReason"], StringComparison.Ordinal);
        Assert.Equal("2", (await Api.CallAsync(name, "2")).ToJsonString());
        Assert.DoesNotContain(CacheEntries(), path => path.Contains(digest, StringComparison.Ordinal));
    }

    private async Task<string> DeployAsync(byte[] zip)
    {
        var name = $"a-{Guid.NewGuid():N}";
        var created = await Api.CreateAsync(LambdaApi.CreateRequest(name, "python3.13", "app.handler", zip));
        Assert.True(created.Status == 201, created.Text);
        await Api.WaitUntilActiveAsync(name);
        return name;
    }

    private static byte[] Zeros(int megabytes)
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var content = archive.CreateEntry("zeros", CompressionLevel.Fastest).Open();
            for (var i = 0; i < megabytes; i++)
            {
                content.Write(new byte[1 << 20]);
            }
        }

        return zip.ToArray();
    }

    private static byte[] Many(int entries)
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (var i = 0; i < entries; i++)
            {
                archive.CreateEntry($"f{i}");
            }
        }

        return zip.ToArray();
    }
}
