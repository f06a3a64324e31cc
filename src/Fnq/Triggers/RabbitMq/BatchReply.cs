using System.Text.Json;

namespace Fnq.Triggers.RabbitMq;

/// <summary>Which messages of a batch a function that succeeded says have failed (lambda-api section 5). Pure.</summary>
internal static class BatchReply
{
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = 1_000 };

    /// <param name="reply">What the function answered.</param>
    /// <param name="ids">Of the batch, each once.</param>
    /// <returns>Null when the answer is none that can be understood: then all have failed.</returns>
    public static IReadOnlySet<string>? FailedOf(ReadOnlyMemory<byte> reply, IReadOnlySet<string> ids)
    {
        if (reply.IsEmpty)
        {
            return new HashSet<string>();
        }

        try
        {
            using var document = JsonDocument.Parse(reply, Reading);
            return document.RootElement.ValueKind switch
            {
                JsonValueKind.Null => new HashSet<string>(),
                JsonValueKind.Object => OfObject(document.RootElement, ids),
                _ => null,
            };
        }
        catch (Exception bad) when (bad is JsonException or InvalidOperationException)
        {
            return null; // No JSON, or a text with half a surrogate pair.
        }
    }

    private static HashSet<string>? OfObject(JsonElement reply, IReadOnlySet<string> ids)
    {
        if (!reply.TryGetProperty("batchItemFailures", out var failures) || failures.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (failures.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var failed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var failure in failures.EnumerateArray())
        {
            if (failure.ValueKind != JsonValueKind.Object
                || !failure.TryGetProperty("itemIdentifier", out var identifier)
                || identifier.ValueKind != JsonValueKind.String
                || !ids.Contains(identifier.GetString()!))
            {
                return null;
            }

            failed.Add(identifier.GetString()!);
        }

        return failed;
    }
}
