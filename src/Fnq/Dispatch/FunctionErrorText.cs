using System.Text;
using System.Text.Json;

namespace Fnq.Dispatch;

/// <summary>What went wrong in a function, for people.</summary>
internal static class FunctionErrorText
{
    /// <summary>The function's own words where there are any, else the start of what it answered.</summary>
    /// <param name="payload">Of a function error: a runtime of the user's own may answer anything.</param>
    /// <param name="most">Characters.</param>
    public static string Of(ReadOnlyMemory<byte> payload, int most)
    {
        var text = MessageOf(payload) ?? Encoding.UTF8.GetString(payload.Span[..Math.Min(payload.Length, most)]);
        return text.Length <= most ? text : text[..most];
    }

    private static string? MessageOf(ReadOnlyMemory<byte> payload)
    {
        try
        {
            using var error = JsonDocument.Parse(payload);
            return error.RootElement.ValueKind == JsonValueKind.Object && error.RootElement.TryGetProperty("errorMessage", out var message)
                ? message.ToString()
                : null;
        }
        catch (Exception bad) when (bad is JsonException or InvalidOperationException)
        {
            // No JSON, or a text with half a character.
            return null;
        }
    }
}
