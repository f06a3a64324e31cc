using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Fnq.AwsApi;
using Fnq.Dispatch;
using Fnq.Functions.EventConfigs;
using Fnq.Functions.EventSources;
using Fnq.Functions.Policies;
using Fnq.Functions.Urls;
using Microsoft.EntityFrameworkCore.ChangeTracking;

namespace Fnq.Functions;

[JsonSerializable(typeof(CreateFunctionRequest))]
[JsonSerializable(typeof(UpdateConfigurationRequest))]
[JsonSerializable(typeof(UpdateCodeRequest))]
[JsonSerializable(typeof(TagRequest))]
[JsonSerializable(typeof(EventInvokeConfigRequest))]
[JsonSerializable(typeof(AddPermissionRequest))]
[JsonSerializable(typeof(FunctionUrlRequest))]
[JsonSerializable(typeof(CorsSpec))]
[JsonSerializable(typeof(EventSourceRequest))]
[JsonSerializable(typeof(FunctionSpec))]
[JsonSerializable(typeof(Deployment))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class FunctionsJson : JsonSerializerContext
{
    public static FunctionsJson Api { get; } = new(RestJson.Options());

    public static string Write<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.Serialize(value, type);

    public static T Read<T>(string json, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(json, type)!;
}

internal static class StoredJson
{
    /// <summary>Compares what is mutable by its stored form.</summary>
    public static ValueComparer<T> ComparerOf<T>(JsonTypeInfo<T> type)
        where T : class =>
        new(
            (a, b) => FunctionsJson.Write(a!, type) == FunctionsJson.Write(b!, type),
            value => FunctionsJson.Write(value, type).GetHashCode(StringComparison.Ordinal),
            value => FunctionsJson.Read(FunctionsJson.Write(value, type), type));
}
