using System.IO.Compression;
using System.Text;
using Fnq.Functions.Packages;
using Xunit;
using static Fnq.Tests.Functions.ZipBuilder;

namespace Fnq.Tests.Functions;

public sealed class CodePackageReading
{
    [Fact]
    public void Gives_files_folders_and_links_with_masked_modes()
    {
        var entries = PackageReader.Read(Of(
            File("lib/tool") with { Mode = 0x8FFF }, File("./main.py") with { Deflate = true }, Link("lib/alias", "../main.py"),
            new ZipItem("lib/", []) { Mode = 0x41FF }));
        Assert.Equal(["lib", "lib/alias", "lib/tool", "main.py"], entries.Select(entry => entry.Path));
        Assert.Equal(["555", "555", "555", "444"], entries.Select(entry => Convert.ToString((int)entry.Mode, 8)));
        Assert.Equal("../main.py", entries[1].LinkTarget);
        using var content = new StreamReader(entries[3].Open());
        Assert.Equal("x", content.ReadToEnd());
    }

    [Fact]
    public void Takes_what_other_writers_make()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var writer = new StreamWriter(zip.CreateEntry("größe/index.mjs").Open());
            writer.Write(new string('a', 300_000));
        }

        PackageReader.Verify(bytes.ToArray());
        Assert.Equal("größe/index.mjs", Assert.Single(PackageReader.Read(bytes.ToArray())).Path);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("a/../../x")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\x")]
    [InlineData("a\\..\\..\\x")]
    [InlineData("\\x")]
    [InlineData("C:x")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("%2e%2e/x")]
    [InlineData("a/.%2E/x")]
    public void Refuses_names_that_leave_the_package(string name) => Refused(Of(File(name)));

    [Fact]
    public void Refuses_names_that_are_too_long_or_no_text()
    {
        Refused(Of(File(string.Join('/', Enumerable.Repeat(new string('a', 200), 6)))));
        Refused(Of(File(new string('a', 256))));
        Refused(Of(File("aa") with { RawName = [0xC3, 0x28], LocalName = "aa" }));
        Refused(Of(File("a") with { LocalName = "b" }));
    }

    [Theory]
    [InlineData("..")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../x")]
    [InlineData("l")]
    public void Refuses_links_that_do_not_resolve_inside(string target) => Refused(Of(Link("l", target)));

    [Fact]
    public void Follows_links_through_links()
    {
        Refused(Of(Link("d/l", ".."), Link("x", "d/l/..")));
        Refused(Of(Link("a", "b"), Link("b", "a")));
        Refused(Of(Link("dir", "real"), File("dir/file")));
        PackageReader.Verify(Of(Link("d/l", ".."), Link("x", "d/l/d"), File("d/f")));
    }

    [Theory]
    [InlineData(0x1000)]
    [InlineData(0x2000)]
    [InlineData(0x6000)]
    [InlineData(0xC000)]
    public void Refuses_pipes_devices_and_sockets(int kind) => Refused(Of(File("x") with { Mode = kind | 0x1FF }));

    [Fact]
    public void Refuses_entries_that_are_there_twice()
    {
        Refused(Of(File("a"), File("a")));
        Refused(Of(File("a"), File("./a")));
        Refused(Of(File("a"), new ZipItem("a/", []) { Mode = 0x41FF }));
        Refused(Of(File("a"), File("a/b"), File("a-b")));
    }

    [Theory]
    [InlineData("lib/Readme.md", "lib/README.md")]
    [InlineData("a/x", "A/y/../x", false)]
    [InlineData("straße", "STRASSE", true)]
    [InlineData("lib", "lib.")]
    [InlineData("lib/a", "lib /a")]
    [InlineData("caf\u00e9/menu", "cafe\u0301/menu")]
    [InlineData("\uac00", "\u1100\u1161")]
    [InlineData("\u304c", "\u304b\u3099")]
    [InlineData("\u00e9e\u0301", "e\u0301\u00e9")]
    [InlineData("na\u0308ive \u0111", "n\u00e4ive \u0111")]
    [InlineData("re\u0301sume\u0301", "re\u0301sume\u0300", true)]
    [InlineData("\u0915\u093f", "\u0915\u0940", true)]
    [InlineData("\u4e2d\u6587", "\u65e5\u672c", true)]
    public void Refuses_names_that_are_one_name_elsewhere(string one, string other, bool isFine = false)
    {
        if (isFine)
        {
            PackageReader.Verify(Of(File(one), File(other)));
        }
        else
        {
            Refused(Of(File(one), File(other)));
        }
    }

    [Fact]
    public void Refuses_more_folders_than_a_package_may_have_though_no_entry_names_them()
    {
        var deep = string.Join('/', Enumerable.Repeat("x", 500));
        PackageReader.Verify(Of([.. Enumerable.Range(0, 150).Select(i => File($"{i}/{deep}"))]));
        Refused(Of([.. Enumerable.Range(0, 250).Select(i => File($"{i}/{deep}"))]));
    }

    [Fact]
    public void Counts_what_is_really_inflated()
    {
        Refused(Of(File("big") with { Deflate = true, DeclaredSize = 262_144_001 }), PackageFault.TooLarge);
        Refused(
            Of(File("a") with { Deflate = true, DeclaredSize = 200_000_000 }, File("b") with { Deflate = true, DeclaredSize = 100_000_000 }),
            PackageFault.TooLarge);
        Refused(Of(new ZipItem("big", new byte[5_000_000]) { Deflate = true, DeclaredSize = 10 }));
        PackageReader.Verify(Of(new ZipItem("zeros", new byte[5_000_000]) { Deflate = true }));
    }

    [Fact]
    public void Refuses_what_two_readers_could_read_differently()
    {
        Refused(Build([File("a")], prefix: "#!/bin/sh\n"u8.ToArray()));
        Refused(Build([File("a")], suffix: [1, 2, 3]));
        Refused(Build([File("a")], entryCount: 2));
        Refused(Of(File("a"), File("b") with { Offset = 0, LocalName = "a" }));
        Refused(Of(File("a"), File("b", "bbbbbbbbbbbbbbbb"), File("b2") with { Offset = 0 }));
        Refused(Of(File("a") with { Flags = 1 }));
        Refused(Of(File("a") with { Method = 12 }));
        Refused(Of(File("a") with { Crc = 7 }));
        Refused(Of(File("a") with { DeclaredSize = 2 }));
        Refused(Of(File("a") with { DeclaredSize = uint.MaxValue, Extra = [1, 0, 8, 0, 255, 255, 255, 255, 255, 255, 255, 127] }));
        var two = Of(File("a"));
        Refused([.. two, .. two]);
    }

    [Fact]
    public void Refuses_every_truncation_and_every_flipped_header_byte_without_crashing()
    {
        var zip = Of(File("a") with { Deflate = true }, Link("b", "a"), File("c/d", "hello"));
        for (var length = 1; length < zip.Length; length++)
        {
            Refused(zip[..length]);
        }

        for (var at = 0; at < zip.Length; at++)
        {
            var broken = zip.ToArray();
            broken[at] ^= 0x5A;
            try
            {
                PackageReader.Verify(broken);
            }
            catch (PackageException)
            {
                // Some bytes mean nothing (times, versions); no byte may bring another exception.
            }
        }
    }

    [Fact]
    public void Refuses_what_is_no_zip_or_empty()
    {
        Refused("hello"u8.ToArray());
        Refused([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
        Refused([], PackageFault.Empty);
        Refused(Of(), PackageFault.Empty);
    }

    [Fact]
    public void Refuses_more_than_a_hundred_thousand_entries()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8))
        {
            for (var i = 0; i <= PackageLimits.Entries; i++)
            {
                zip.CreateEntry($"f{i}");
            }
        }

        Refused(bytes.ToArray());
    }

    private static void Refused(byte[] zip, PackageFault fault = PackageFault.Unreadable) =>
        Assert.Equal(fault, Assert.Throws<PackageException>(() => PackageReader.Verify(zip)).Fault);
}
