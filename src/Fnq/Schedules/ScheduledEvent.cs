using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Fnq.Schedules;

/// <summary>What a function gets of a schedule, and by which id (lambda-api section 7). Pure: the same due time makes the same event.</summary>
internal static class ScheduledEvent
{
    /// <summary>Of everything that a due time makes, so that whoever does it again does the same.</summary>
    /// <param name="scheduleId">The schedule.</param>
    /// <param name="part">A target, or empty for the event itself.</param>
    /// <param name="due">By the expression.</param>
    public static Guid IdOf(Guid scheduleId, string part, DateTimeOffset due)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{scheduleId:N}/{due.ToUnixTimeSeconds()}/{part}");
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16);

        // UUIDv8: made of a hash.
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    public static byte[] PayloadOf(ScheduleKey key, Guid scheduleId, ScheduleTargetRow target, DateTimeOffset due) =>
        target.Input is { } input
            ? Encoding.UTF8.GetBytes(key.Kind == ScheduleKind.Schedule ? Filled(input, key, IdOf(scheduleId, $"target/{target.TargetId}", due), due) : input)
            : Event(key, IdOf(scheduleId, "event", due), due);

    private static byte[] Event(ScheduleKey key, Guid id, DateTimeOffset due)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("version", "0");
            json.WriteString("id", id);
            json.WriteString("detail-type", "Scheduled Event");
            json.WriteString("source", key.Kind == ScheduleKind.Rule ? "aws.events" : "aws.scheduler");
            json.WriteString("account", key.AccountId);
            json.WriteString("time", TimeOf(due));
            json.WriteString("region", key.Region);
            json.WriteStartArray("resources");
            json.WriteStringValue(key.Arn);
            json.WriteEndArray();
            WriteDetail(json, key.Kind);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>An object in EventBridge's events, a text in Scheduler's.</summary>
    private static void WriteDetail(Utf8JsonWriter json, string kind)
    {
        if (kind == ScheduleKind.Schedule)
        {
            json.WriteString("detail", "{}");
            return;
        }

        json.WriteStartObject("detail");
        json.WriteEndObject();
    }

    /// <summary>Scheduler's context attributes; their values need no escapes in JSON.</summary>
    private static string Filled(string input, ScheduleKey key, Guid execution, DateTimeOffset due) => input
        .Replace("<aws.scheduler.schedule-arn>", key.Arn, StringComparison.Ordinal)
        .Replace("<aws.scheduler.scheduled-time>", TimeOf(due), StringComparison.Ordinal)
        .Replace("<aws.scheduler.execution-id>", execution.ToString(), StringComparison.Ordinal)
        .Replace("<aws.scheduler.attempt-number>", "1", StringComparison.Ordinal);

    private static string TimeOf(DateTimeOffset due) => due.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
