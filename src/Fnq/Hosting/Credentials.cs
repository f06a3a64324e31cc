using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Fnq.Hosting;

/// <summary>The first access key: given by the environment, or made once and kept with mode 0600.</summary>
internal static partial class Credentials
{
    private const string IdLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const string SecretLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+";

    public static (string Id, string Secret) Of(FnqSettings settings)
    {
        if (settings is { AccessKeyId: { } id, SecretAccessKey: { } secret })
        {
            return (id, secret);
        }

        var path = Path.Combine(settings.DataFolder, "credentials");
        if (!File.Exists(path))
        {
            Write(path, "AKIA" + RandomNumberGenerator.GetString(IdLetters, 16), RandomNumberGenerator.GetString(SecretLetters, 40));
        }

        var text = File.ReadAllText(path);
        return (Field(text, "FNQ_ACCESS_KEY_ID"), Field(text, "FNQ_SECRET_ACCESS_KEY"));
    }

    private static void Write(string path, string id, string secret)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Guid.NewGuid():N}";
        using (var file = new FileStream(temporary, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes($"FNQ_ACCESS_KEY_ID={id}\nFNQ_SECRET_ACCESS_KEY={secret}\n"));
        }

        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException)
        {
            File.Delete(temporary); // Another process of this folder was first; its key holds.
        }
    }

    private static string Field(string text, string name) =>
        LinePattern().Matches(text).FirstOrDefault(line => line.Groups[1].Value == name)?.Groups[2].Value
        ?? throw new SettingsException([$"the credentials file has no line {name}=…"]);

    [GeneratedRegex(@"^([A-Z_]+)='?([^'\r\n]*)'?\r?$", RegexOptions.Multiline)]
    private static partial Regex LinePattern();
}
