using System.Text.Json;
using Fnq.Dispatch;

namespace Fnq.Functions.EventSources;

/// <summary>EventSourceMappingConfiguration as AWS writes it.</summary>
internal static class EventSourceJson
{
    private const decimal SecondsPerMillisecond = 0.001m;

    /// <param name="state">One that passes, or null for the one that the row is in.</param>
    public static void Write(Utf8JsonWriter json, EventSourceRow row, string? state = null)
    {
        json.WriteStartObject();
        json.WriteString("UUID", row.Id);
        json.WriteNumber("BatchSize", row.BatchSize);
        json.WriteNumber("MaximumBatchingWindowInSeconds", row.WindowSeconds);
        json.WriteString("EventSourceArn", row.SourceArn);
        json.WriteString("FunctionArn", row.Function.Arn);
        json.WriteNumber("LastModified", row.LastModified.ToUnixTimeMilliseconds() * SecondsPerMillisecond);
        json.WriteString("State", state ?? (row.Enabled ? "Enabled" : "Disabled"));
        json.WriteString("StateTransitionReason", row.Shape == QueueEventShape.Sqs ? "USER_INITIATED" : "User action");
        WriteTexts(json, "FunctionResponseTypes", row.ResponseTypes);
        json.WriteString("EventSourceMappingArn", $"arn:aws:lambda:{row.Region}:{row.AccountId}:event-source-mapping:{row.Id}");
        if (row.Shape == QueueEventShape.RabbitMq)
        {
            WriteTexts(json, "Queues", [row.Queue]);
        }

        WriteAccess(json, row.SourceAccess);
        if (row.Filters.Count > 0)
        {
            json.WriteStartObject("FilterCriteria");
            json.WriteStartArray("Filters");
            foreach (var pattern in row.Filters)
            {
                json.WriteStartObject();
                json.WriteString("Pattern", pattern);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        if (row.MaximumConcurrency is { } concurrency)
        {
            json.WriteStartObject("ScalingConfig");
            json.WriteNumber("MaximumConcurrency", concurrency);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static void WriteAccess(Utf8JsonWriter json, List<string> access)
    {
        if (access.Count == 0)
        {
            return;
        }

        json.WriteStartArray("SourceAccessConfigurations");
        foreach (var each in access.Select(text => text.Split(' ', 2)))
        {
            json.WriteStartObject();
            json.WriteString("Type", each[0]);
            json.WriteString("URI", each[1]);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
