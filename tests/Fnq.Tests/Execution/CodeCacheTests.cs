using System.Security.Cryptography;
using Fnq.Execution.Code;
using Fnq.Tests.Functions;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Fnq.Tests.Functions.ZipBuilder;

namespace Fnq.Tests.Execution;

public sealed class CodeCacheTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-code-").FullName;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public void Dispose() => PackageExtraction.Delete(_folder);

    [Fact]
    public async Task A_package_is_extracted_once_and_nobody_may_write_it()
    {
        var cache = Cache();
        var zip = Of(File("main.py") with { Mode = 0x81B6 }, File("bin/tool") with { Mode = 0x8FFF }, new ZipItem("empty/", []) { Mode = 0x41FF });
        using var first = await AcquireAsync(cache, zip);
        using var again = await cache.AcquireAsync(DigestOf(zip), _ => throw new InvalidOperationException("extracted already"), default);
        Assert.Equal(first.Folder, again.Folder);
        Assert.Equal(["555", "555", "555", "444", "555"], Modes(first.Folder, "", "bin", "bin/tool", "main.py", "empty"));
    }

    [Fact]
    public async Task What_the_store_gives_must_be_what_the_digest_names()
    {
        var zip = Of(File("main.py"));
        var refused = await Assert.ThrowsAsync<InvalidDataException>(() =>
            Cache().AcquireAsync(DigestOf(zip), _ => Task.FromResult(Of(File("evil.py"))), default).AsTask());
        Assert.Contains("changed or damaged", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["drafts"], Names());
        using var whole = await AcquireAsync(Cache(), zip);
        Assert.True(System.IO.File.Exists(Path.Join(whole.Folder, "main.py")));
    }

    [Theory]
    [InlineData("../../../etc")]
    [InlineData("")]
    [InlineData("ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789")]
    public async Task A_digest_is_no_path(string digest) =>
        await Assert.ThrowsAsync<ArgumentException>(() => Cache().AcquireAsync(digest, _ => Task.FromResult<byte[]>([]), default).AsTask());

    [Fact]
    public async Task Workers_that_extract_at_the_same_time_end_with_one_whole_folder()
    {
        var zip = Of([.. Enumerable.Range(0, 300).Select(i => File($"d{i % 7}/f{i}", $"{i}"))]);
        var caches = Enumerable.Range(0, 4).Select(_ => Cache()).ToList();
        var all = await Task.WhenAll(caches.SelectMany(cache => Enumerable.Range(0, 4).Select(_ => Task.Run(() => AcquireAsync(cache, zip).AsTask()))));
        var folder = Assert.Single(all.Select(lease => lease.Folder).Distinct());
        Assert.Equal(300, Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Count());
        Assert.Equal(["prune.lock"], Directory.EnumerateFileSystemEntries(Path.Join(_folder, "drafts")).Select(Path.GetFileName));
        Array.ForEach(all, lease => lease.Dispose());
    }

    [Fact]
    public async Task Beyond_the_bound_the_least_recently_used_goes_but_never_what_is_in_use()
    {
        Cache(); // A worker of the same folder that uses nothing.
        var (mine, peer) = (Cache(megabytes: 3), Cache(megabytes: 3));
        var zips = Enumerable.Range(0, 5).Select(i => Of(new ZipItem($"f{i}", new byte[1 << 20]) { Deflate = true })).ToList();
        using var inUse = await AcquireAsync(peer, zips[0]);
        (await AcquireAsync(mine, zips[1])).Dispose();
        (await AcquireAsync(mine, zips[2])).Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));
        (await AcquireAsync(mine, zips[1])).Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));

        (await AcquireAsync(mine, zips[3])).Dispose();
        Assert.Equal([0, 3], Kept(zips));
        (await AcquireAsync(mine, zips[1])).Dispose();
        Assert.Equal([0, 1], Kept(zips));

        inUse.Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));
        (await AcquireAsync(mine, zips[4])).Dispose();
        Assert.Equal([1, 4], Kept(zips));
        Assert.Equal(2, Directory.EnumerateFiles(_folder, "*.lock").Count());
    }

    [Fact]
    public async Task Pruning_and_use_may_meet_at_any_moment()
    {
        var zips = Enumerable.Range(0, 4).Select(i => Of(File("which", $"{i}"))).ToList();
        var seed = Environment.TickCount;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            // Every package is over the bound: each use makes the others prune.
            var cache = new CodeCache(_folder, 0, TimeProvider.System);
            var random = new Random(seed + worker);
            for (var turn = 0; turn < 150; turn++)
            {
                var which = random.Next(zips.Count);
                using var lease = await AcquireAsync(cache, zips[which]);
                Assert.True(
                    await System.IO.File.ReadAllTextAsync(Path.Join(lease.Folder, "which")) == $"{which}", $"seed {seed}");
            }
        })));
        Cache(megabytes: 0).Prune();
        Assert.Empty(Kept(zips));
    }

    [Fact]
    public async Task What_a_killed_extraction_left_is_removed_and_what_a_living_one_makes_is_not()
    {
        var drafts = Path.Join(_folder, "drafts");
        var cache = Cache();
        var dead = Path.Join(drafts, $"{new string('a', 64)}.dead");
        Directory.CreateDirectory(Path.Join(dead, "sealed"));
        System.IO.File.SetUnixFileMode(Path.Join(dead, "sealed"), PackageExtraction.SealedFolder);
        await System.IO.File.WriteAllTextAsync(dead + ".lock", "");
        using var living = new CodeDraft(drafts, new string('b', 64));
        Directory.CreateDirectory(living.Folder);

        Cache().RemoveDeadDrafts();
        cache.RemoveDeadDrafts();
        Assert.False(Path.Exists(dead) || Path.Exists(dead + ".lock"));
        Assert.True(Directory.Exists(living.Folder));
    }

    private CodeCache Cache(int megabytes = 1_000) => new(_folder, (long)megabytes << 20, _time);

    private static ValueTask<CodeLease> AcquireAsync(CodeCache cache, byte[] zip) => cache.AcquireAsync(DigestOf(zip), _ => Task.FromResult(zip), default);

    private static string DigestOf(byte[] zip) => Convert.ToHexStringLower(SHA256.HashData(zip));

    private IEnumerable<string?> Names() => Directory.EnumerateDirectories(_folder).Select(Path.GetFileName);

    private IEnumerable<int> Kept(List<byte[]> zips) =>
        Enumerable.Range(0, zips.Count).Where(i => Directory.Exists(Path.Join(_folder, DigestOf(zips[i]))));

    private static IEnumerable<string> Modes(string folder, params string[] paths) =>
        paths.Select(path => Convert.ToString((int)System.IO.File.GetUnixFileMode(Path.Join(folder, path)), 8));
}
