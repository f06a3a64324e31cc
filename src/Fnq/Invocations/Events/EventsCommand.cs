using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fnq.Logs;

namespace Fnq.Invocations.Events;

/// <summary><c>fnq events [ID] [--function NAME] [--json]</c>: what became of asynchronous invocations.</summary>
internal static class EventsCommand
{
    private const int ListMax = 50;

    /// <returns>The exit code: 1 when there is no such event.</returns>
    public static async Task<int> RunAsync(
        OutcomeStore store, Guid? id, string? function, bool json, TextWriter output, CancellationToken cancellationToken)
    {
        var outcomes = id is { } wanted
            ? await store.FindAsync(wanted, cancellationToken) is { } found ? [found] : []
            : await store.ListAsync(function, ListMax, cancellationToken);
        if (json)
        {
            await output.WriteLineAsync(JsonSerializer.Serialize(outcomes.Select(Shown).ToArray(), EventsJsonContext.Default.EventJsonArray));
        }
        else if (outcomes.Count == 0)
        {
            await output.WriteLineAsync(id is null
                ? "No event has an outcome yet."
                : $"Event {id} has no outcome yet: it waits for its first attempt, or was never accepted.");
        }
        else if (id is not null)
        {
            await WriteOneAsync(Shown(outcomes[0]), output);
        }
        else
        {
            await WriteTableAsync(outcomes.Select(Shown), output);
        }

        return id is not null && outcomes.Count == 0 ? 1 : 0;
    }

    private static async Task WriteOneAsync(EventJson shown, TextWriter output)
    {
        foreach (var (name, value) in new (string, object?)[]
        {
            ("Request id", shown.RequestId), ("Function", shown.Function), ("State", shown.State), ("Condition", shown.Condition),
            ("Attempts", shown.Attempts), ("Accepted", shown.AcceptedAt), ("Updated", shown.UpdatedAt), ("Next attempt", shown.RetryAt),
            ("Error", shown.Error), ("Delivery error", shown.DeliveryError),
        })
        {
            if (value is not null)
            {
                await output.WriteLineAsync($"{name + ":",-16}{TerminalText.Neutralise($"{value}")}");
            }
        }
    }

    private static async Task WriteTableAsync(IEnumerable<EventJson> shown, TextWriter output)
    {
        await output.WriteLineAsync($"{"REQUEST ID",-36}  {"ACCEPTED",-20}  {"STATE",-9}  {"CONDITION",-17}  ATTEMPTS  FUNCTION");
        foreach (var each in shown)
        {
            await output.WriteLineAsync(
                $"{each.RequestId,-36}  {each.AcceptedAt,-20}  {each.State,-9}  {each.Condition ?? "",-17}  {each.Attempts,8}  {each.Function}");
        }
    }

    private static EventJson Shown(EventOutcome outcome) => new(
        outcome.RequestId.ToString(), outcome.Function.Name.Length == 0 ? "" : outcome.Function.Arn, outcome.Qualifier, outcome.Trigger, outcome.State,
        outcome.Condition, outcome.Attempts, Text(outcome.AcceptedAt), Text(outcome.UpdatedAt), outcome.RetryAt is { } at ? Text(at) : null,
        outcome.Error, outcome.DeliveryError);

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

}

internal sealed record EventJson(
    string RequestId, string Function, string? Qualifier, string Trigger, string State, string? Condition, int Attempts,
    string AcceptedAt, string UpdatedAt, string? RetryAt, string? Error, string? DeliveryError);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EventJson[]))]
internal sealed partial class EventsJsonContext : JsonSerializerContext;
