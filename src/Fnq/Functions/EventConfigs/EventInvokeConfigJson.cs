using System.Text.Json;
using Fnq.Contracts;

namespace Fnq.Functions.EventConfigs;

/// <summary>FunctionEventInvokeConfig as AWS writes it: limits only when set, both destinations always.</summary>
internal static class EventInvokeConfigJson
{
    private const decimal SecondsPerMillisecond = 0.001m;

    public static void Write(Utf8JsonWriter json, FunctionKey function, EventInvokeConfigRow config)
    {
        json.WriteStartObject();

        // Decimals keep their places: .500 is written where a double would have .5.
        json.WriteNumber("LastModified", config.LastModified.ToUnixTimeMilliseconds() * SecondsPerMillisecond);
        json.WriteString("FunctionArn", $"{function.Arn}:{config.Qualifier}");
        WriteOptional(json, "MaximumRetryAttempts", config.MaximumRetryAttempts);
        WriteOptional(json, "MaximumEventAgeInSeconds", config.MaximumEventAgeSeconds);
        json.WriteStartObject("DestinationConfig");
        WriteDestination(json, "OnSuccess", config.OnSuccess);
        WriteDestination(json, "OnFailure", config.OnFailure);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteOptional(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }

    private static void WriteDestination(Utf8JsonWriter json, string name, string? destination)
    {
        json.WriteStartObject(name);
        if (destination is not null)
        {
            json.WriteString("Destination", destination);
        }

        json.WriteEndObject();
    }
}
