using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Functions;

/// <summary>Makes the deployment of a version; its id is a digest of everything that matters at run time and of nothing else.</summary>
internal static class DeploymentIdentity
{
    private const int IdHexDigits = 32;

    /// <param name="tags">Those of egress decide at run time; others are not looked at.</param>
    public static Deployment Of(
        FunctionKey function, string version, FunctionSpec spec, string codeDigest, IReadOnlyDictionary<string, string> tags)
    {
        var deployment = new Deployment
        {
            Id = default,
            Function = function,
            Version = version,
            Runtime = spec.Runtime,
            Handler = spec.Handler,
            Architecture = spec.Architecture,
            MemorySizeMb = spec.MemorySizeMb,
            TimeoutSeconds = spec.TimeoutSeconds,
            EphemeralStorageMb = spec.EphemeralStorageMb,
            Role = spec.Role,
            Environment = spec.Environment ?? [],
            CodeDigest = codeDigest,
            LogGroup = spec.Logging.LogGroup,
            LogFormat = spec.Logging.LogFormat,
            Egress = EgressTags.ModeOf(tags),
            EgressAllow = EgressTags.AllowOf(tags),
        };
        return deployment with { Id = IdOf(deployment) };
    }

    private static DeploymentId IdOf(Deployment deployment)
    {
        var buffer = new ArrayBufferWriter<byte>(1_024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            WriteCanonical(json, deployment);
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
        return new($"d-{hash[..IdHexDigits]}");
    }

    /// <summary>JSON keeps neighbours apart: no two different deployments read the same. Fixed order, variables by name.</summary>
    private static void WriteCanonical(Utf8JsonWriter json, Deployment deployment)
    {
        json.WriteStartArray();
        json.WriteStringValue(deployment.Function.AccountId);
        json.WriteStringValue(deployment.Function.Region);
        json.WriteStringValue(deployment.Function.Name);
        json.WriteStringValue(deployment.Version);
        json.WriteStringValue(deployment.CodeDigest);
        json.WriteStringValue(deployment.Runtime);
        json.WriteStringValue(deployment.Handler);
        json.WriteStringValue(deployment.Architecture);
        json.WriteNumberValue(deployment.MemorySizeMb);
        json.WriteNumberValue(deployment.TimeoutSeconds);
        json.WriteNumberValue(deployment.EphemeralStorageMb);
        json.WriteStringValue(deployment.Role);
        json.WriteStringValue(deployment.LogGroup);
        json.WriteStringValue(deployment.LogFormat);
        json.WriteStartObject();
        foreach (var (name, value) in deployment.Environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        json.WriteStartArray();
        foreach (var layer in deployment.LayerDigests)
        {
            json.WriteStringValue(layer);
        }

        json.WriteEndArray();
        WriteEgress(json, deployment);
        json.WriteEndArray();
    }

    /// <summary>Nothing without a tag: such deployments keep the ids that they have.</summary>
    private static void WriteEgress(Utf8JsonWriter json, Deployment deployment)
    {
        if (deployment.Egress is null && deployment.EgressAllow.Count == 0)
        {
            return;
        }

        json.WriteStringValue(deployment.Egress);
        json.WriteStartArray();
        foreach (var rule in deployment.EgressAllow)
        {
            json.WriteStringValue(rule);
        }

        json.WriteEndArray();
    }
}
