using System.IO.Compression;
using System.Text;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>A user's zip file, in memory.</summary>
internal static class CodeZip
{
    private const int ExecutableFile = unchecked((int)0x81ED0000);
    private const int PlainFile = unchecked((int)0x81A40000);

    public static byte[] Of(params (string Name, string Text)[] files)
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, text) in files)
            {
                var entry = archive.CreateEntry(name, CompressionLevel.Fastest);
                entry.ExternalAttributes = text.StartsWith("#!", StringComparison.Ordinal) ? ExecutableFile : PlainFile;
                using var content = entry.Open();
                content.Write(Encoding.UTF8.GetBytes(text));
            }
        }

        return zip.ToArray();
    }

    /// <summary>One program that needs nothing beside it.</summary>
    public static byte[] OfProgram(string name, byte[] program)
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            var entry = archive.CreateEntry(name, CompressionLevel.Fastest);
            entry.ExternalAttributes = ExecutableFile;
            using var content = entry.Open();
            content.Write(program);
        }

        return zip.ToArray();
    }
}
