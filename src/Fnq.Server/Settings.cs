using System.Collections;
using Fnq.Hosting;

namespace Fnq.Server;

internal static class Settings
{
    /// <summary>Null after every problem was printed.</summary>
    public static FnqSettings? TryRead(string? roles = null)
    {
        try
        {
            return FnqSettings.Read(Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
                .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value), roles);
        }
        catch (SettingsException problems)
        {
            Console.Error.WriteLine(problems.Message);
            return null;
        }
    }
}
