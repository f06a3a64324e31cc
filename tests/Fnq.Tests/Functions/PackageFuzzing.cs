using System.Diagnostics;
using System.IO.Compression;
using System.IO.Enumeration;
using Fnq.Execution.Code;
using Fnq.Functions.Packages;
using Xunit;
using static Fnq.Tests.Functions.ZipBuilder;

namespace Fnq.Tests.Functions;

/// <summary>
/// Broken zips by the ten thousand, from a seed that a failure tells: some seconds, or ten minutes with FNQ_TEST_LONG=1.
/// FNQ_TEST_SEED repeats a run.
/// </summary>
public sealed class PackageFuzzing : IDisposable
{
    /// <summary>A mutant of some kilobytes may inflate a thousandfold; nothing may cost more than that and a copy.</summary>
    private const long MaxAllocation = 64L << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-fuzz-").FullName;

    public void Dispose() => PackageExtraction.Delete(_folder);

    [Fact]
    public void No_broken_zip_brings_anything_but_a_refusal_or_leaves_its_folder()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("FNQ_TEST_SEED"), out var given) ? given : Environment.TickCount;
        var limit = Environment.GetEnvironmentVariable("FNQ_TEST_LONG") is { Length: > 0 } ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(4);
        var random = new Random(seed);
        var seeds = Seeds();
        var begun = Stopwatch.GetTimestamp();
        int runs = 0, taken = 0;
        for (; Stopwatch.GetElapsedTime(begun) < limit; runs++)
        {
            var mutant = ZipMutation.Next(seeds, random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            taken += TryExtract(mutant, $"seed {seed}, run {runs}: {Convert.ToBase64String(mutant)}") ? 1 : 0;
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < MaxAllocation, $"seed {seed}, run {runs}: {allocated} bytes");
        }

        TestContext.Current.SendDiagnosticMessage("{0} broken zips, {1} of them still good, seed {2}", runs, taken, seed);
        Assert.InRange(taken, 1, runs - 1);
    }

    private bool TryExtract(byte[] zip, string what)
    {
        var inside = Path.Join(_folder, "inside");
        try
        {
            PackageExtraction.Extract(zip, inside);
            return true;
        }
        catch (PackageException)
        {
            return false;
        }
        catch (Exception other)
        {
            throw new InvalidOperationException(what, other);
        }
        finally
        {
            if (Directory.Exists(inside))
            {
                Assert.True(LinksStayInside(inside), what);
                PackageExtraction.Delete(inside);
            }

            Assert.True(!Directory.EnumerateFileSystemEntries(_folder).Any(), what);
        }
    }

    /// <summary>Looks at links, never through them: two that point at each other's folder are a walk without end.</summary>
    private static bool LinksStayInside(string folder) => new FileSystemEnumerable<FileSystemInfo>(
        folder, (ref FileSystemEntry entry) => entry.ToFileSystemInfo(),
        new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
    {
        ShouldRecursePredicate = (ref FileSystemEntry entry) => !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
    }
        .Where(entry => entry.LinkTarget is not null)
        .All(link => Path.GetFullPath(link.LinkTarget!, Path.GetDirectoryName(link.FullName)!) is var target
            && (target == folder || target.StartsWith(folder + '/', StringComparison.Ordinal)));

    private static List<byte[]> Seeds()
    {
        using var modern = new MemoryStream();
        using (var archive = new ZipArchive(modern, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var name in (string[])["index.mjs", "node_modules/a/package.json", "größe"])
            {
                using var content = archive.CreateEntry(name).Open();
                content.Write(new byte[3_000]);
            }
        }

        return
        [
            modern.ToArray(),
            Of(File("a") with { Deflate = true }, Link("b", "a"), File("c/d", "hello"), new ZipItem("e/", []) { Mode = 0x41FF }),
            Of(File("lib/tool") with { Mode = 0x8FFF }, Link("lib/alias", "../main.py"), File("main.py"), Link("l/m", "../lib")),
            Of(new ZipItem("zeros", new byte[100_000]) { Deflate = true }, File("wide") with { DeclaredSize = uint.MaxValue, Extra = [1, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0] }),
        ];
    }
}

/// <summary>One or some changes to a good zip: in its bytes, its fields, its names, its parts.</summary>
internal static class ZipMutation
{
    private static readonly uint[] Telling = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 262_144_000, 262_144_001];
    private static readonly byte[][] Words = [.. ((string[])["../", "..\\", "/", "./", "a/..", "%2e", "PK\u0001\u0002", "PK\u0003\u0004", "PK\u0005\u0006", "PK\u0006\u0006", "PK\u0006\u0007"])
        .Select(System.Text.Encoding.ASCII.GetBytes)];

    public static byte[] Next(List<byte[]> seeds, Random random)
    {
        var zip = random.Next(2) == 0 ? seeds[random.Next(seeds.Count)].ToArray() : Hostile(random);
        for (var changes = random.Next(4); changes > 0 && zip.Length > 8; changes--)
        {
            zip = Change(zip, seeds, random);
        }

        return zip;
    }

    /// <summary>Well-formed, but with names, kinds, links and numbers that no friend would give it.</summary>
    private static byte[] Hostile(Random random)
    {
        string[] parts = ["a", "b", "A", "..", ".", "", "a.", "l", "\\", "%2e%2e", "c:", "\u0301", "é", new string('n', 250)];
        string Name() => string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => parts[random.Next(parts.Length)]));
        string[] targets = ["..", "../..", "a", "l", "../a", "/etc", "a/../..", "l/..", "../l/../..", "b/../../x"];
        int[] kinds = [0, 0x1000, 0x2000, 0x4000, 0x6000, 0x8000, 0x8000, 0x8000, 0xA000, 0xA000, 0xC000];
        return ZipBuilder.Of([.. Enumerable.Range(0, random.Next(1, 6)).Select(_ =>
        {
            var kind = kinds[random.Next(kinds.Length)];
            var name = kind == 0x4000 ? Name() + '/' : Name();
            var content = kind == 0x4000 ? "" : targets[random.Next(targets.Length)];
            return new ZipItem(name, System.Text.Encoding.UTF8.GetBytes(content))
            {
                Mode = kind | random.Next(0x1000),
                Deflate = random.Next(2) == 0,
                DeclaredSize = random.Next(12) == 0 ? Telling[random.Next(Telling.Length)] : null,
                Offset = random.Next(16) == 0 ? 0 : null,
            };
        })]);
    }

    private static byte[] Change(byte[] zip, List<byte[]> seeds, Random random)
    {
        int at = random.Next(zip.Length), other = random.Next(zip.Length);
        switch (random.Next(9))
        {
            case 0:
                zip[at] ^= (byte)(1 << random.Next(8));
                return zip;
            case 1:
                zip[at] = (byte)random.Next(256);
                return zip;
            case 2:
                return Overwrite(zip, at, BitConverter.GetBytes(Telling[random.Next(Telling.Length)]).AsSpan(0, random.Next(2) == 0 ? 2 : 4));
            case 3:
                return Overwrite(zip, at, Words[random.Next(Words.Length)]);
            case 4:
                return Overwrite(zip, Math.Max(0, zip.Length - random.Next(1, 64)), BitConverter.GetBytes((ushort)random.Next(64)));
            case 5:
                return zip[..Math.Max(8, at)];
            case 6:
                return [.. zip[..at], .. zip[Math.Min(at, other)..Math.Max(at, other)], .. zip[at..]];
            case 7:
                return [.. zip[..at], .. zip[Math.Min(zip.Length, at + random.Next(1, 32))..]];
            default:
                var donor = seeds[random.Next(seeds.Count)];
                return [.. zip[..at], .. donor[random.Next(donor.Length)..]];
        }
    }

    private static byte[] Overwrite(byte[] zip, int at, ReadOnlySpan<byte> bytes)
    {
        bytes[..Math.Min(bytes.Length, zip.Length - at)].CopyTo(zip.AsSpan(at));
        return zip;
    }
}
