using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Fnq.Functions;

/// <summary>How an answer names the function, and how much it tells.</summary>
/// <param name="IsQualified">The ARN ends in the version.</param>
/// <param name="InList">Listings leave states and the runtime's version out.</param>
internal readonly record struct ConfigurationShape(bool IsQualified = false, bool InList = false);

/// <summary>FunctionConfiguration as AWS writes it: what is not set is not there.</summary>
internal static class ConfigurationJson
{
    public static string Timestamp(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fff", CultureInfo.InvariantCulture) + "+0000";

    public static void Write(Utf8JsonWriter json, FunctionView view, ConfigurationShape shape)
    {
        json.WriteStartObject();
        WriteMembers(json, view, shape);
        json.WriteEndObject();
    }

    private static void WriteMembers(Utf8JsonWriter json, FunctionView view, ConfigurationShape shape)
    {
        var (function, version) = view;
        var spec = version.Spec;
        var arn = function.Key.Arn;
        json.WriteString("FunctionName", function.Name);
        json.WriteString("FunctionArn", shape.IsQualified ? $"{arn}:{version.Version}" : arn);
        json.WriteString("Runtime", spec.Runtime);
        json.WriteString("Role", spec.Role);
        json.WriteString("Handler", spec.Handler);
        json.WriteNumber("CodeSize", version.CodeSize);
        json.WriteString("Description", spec.Description);
        json.WriteNumber("Timeout", spec.TimeoutSeconds);
        json.WriteNumber("MemorySize", spec.MemorySizeMb);
        json.WriteString("LastModified", Timestamp(version.LastModified));
        json.WriteString("CodeSha256", CodePackage.Sha256Of(version.CodeDigest));
        json.WriteString("Version", version.Version);
        WriteVpc(json, spec.Vpc);
        WriteObject(json, "DeadLetterConfig", "TargetArn", spec.DeadLetterTargetArn);
        WriteEnvironment(json, spec.Environment);
        WriteOptional(json, "KMSKeyArn", spec.KmsKeyArn);
        WriteObject(json, "TracingConfig", "Mode", spec.TracingMode);
        json.WriteString("RevisionId", version.RevisionId);
        json.WriteString("PackageType", "Zip");
        json.WriteStartArray("Architectures");
        json.WriteStringValue(spec.Architecture);
        json.WriteEndArray();
        json.WriteStartObject("EphemeralStorage");
        json.WriteNumber("Size", spec.EphemeralStorageMb);
        json.WriteEndObject();
        json.WriteStartObject("SnapStart");
        json.WriteString("ApplyOn", spec.SnapStart);
        json.WriteString("OptimizationStatus", "Off");
        json.WriteEndObject();
        WriteLogging(json, spec.Logging);
        if (!shape.InList)
        {
            WriteStates(json, version);
            WriteObject(json, "RuntimeVersionConfig", "RuntimeVersionArn", RuntimeVersionArn(function.Region, spec.Runtime));
        }
    }

    private static void WriteStates(Utf8JsonWriter json, FunctionVersionRow version)
    {
        json.WriteString("State", version.State);
        WriteOptional(json, "StateReason", version.StateReason);
        WriteOptional(json, "StateReasonCode", version.StateReasonCode);
        WriteOptional(json, "LastUpdateStatus", version.LastUpdateStatus);
        WriteOptional(json, "LastUpdateStatusReason", version.LastUpdateStatusReason);
        WriteOptional(json, "LastUpdateStatusReasonCode", version.LastUpdateStatusReasonCode);
    }

    private static void WriteLogging(Utf8JsonWriter json, LoggingSpec logging)
    {
        json.WriteStartObject("LoggingConfig");
        json.WriteString("LogFormat", logging.LogFormat);
        WriteOptional(json, "ApplicationLogLevel", logging.ApplicationLogLevel);
        WriteOptional(json, "SystemLogLevel", logging.SystemLogLevel);
        json.WriteString("LogGroup", logging.LogGroup);
        json.WriteEndObject();
    }

    private static void WriteEnvironment(Utf8JsonWriter json, Dictionary<string, string>? variables)
    {
        if (variables is null)
        {
            return;
        }

        json.WriteStartObject("Environment");
        json.WriteStartObject("Variables");
        foreach (var (name, value) in variables)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Stored and shown, nothing more: there is no VPC here, so its id stays empty.</summary>
    private static void WriteVpc(Utf8JsonWriter json, VpcSpec? vpc)
    {
        if (vpc is null)
        {
            return;
        }

        json.WriteStartObject("VpcConfig");
        WriteStrings(json, "SubnetIds", vpc.SubnetIds);
        WriteStrings(json, "SecurityGroupIds", vpc.SecurityGroupIds);
        json.WriteString("VpcId", "");
        if (vpc.Ipv6AllowedForDualStack)
        {
            json.WriteBoolean("Ipv6AllowedForDualStack", true);
        }

        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string member, List<string> values)
    {
        json.WriteStartArray(member);
        values.ForEach(json.WriteStringValue);
        json.WriteEndArray();
    }

    private static void WriteObject(Utf8JsonWriter json, string member, string inner, string? value)
    {
        if (value is not null)
        {
            json.WriteStartObject(member);
            json.WriteString(inner, value);
            json.WriteEndObject();
        }
    }

    private static void WriteOptional(Utf8JsonWriter json, string member, string? value)
    {
        if (value is not null)
        {
            json.WriteString(member, value);
        }
    }

    private static string RuntimeVersionArn(string region, string runtime) =>
        $"arn:aws:lambda:{region}::runtime:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(runtime)))}";
}
