using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>The rest-json protocol: strict JSON in, JSON and x-amzn-ErrorType out.</summary>
internal static class RestJson
{
    public const int MaxDepth = 64;

    /// <summary>A document costs a dozen bytes of memory for each value: 70 MB of <c>[0,0,…]</c> would cost a gigabyte.</summary>
    private const int MaxTokens = 200_000;

    private static readonly JsonDocumentOptions StrictDocument = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <summary>For serializer contexts: <c>new XContext(RestJson.Options())</c>. Unknown members are ignored, as AWS does.</summary>
    public static JsonSerializerOptions Options() => new()
    {
        AllowDuplicateProperties = false,
        MaxDepth = MaxDepth,
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
        // The answer is never HTML: escape no more than JSON asks for, as AWS does.
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static AwsException UnknownOperation() =>
        new(StatusCodes.Status404NotFound, "UnknownOperationException", "The requested operation is not known to this service.", MessageMember.Lower);

    public static AwsException AccessDenied(string message) =>
        new(StatusCodes.Status403Forbidden, "AccessDeniedException", message, MessageMember.CapitalWithoutType);

    public static AwsException BadPath() =>
        new(StatusCodes.Status400BadRequest, "InvalidRequestContentException", "The request path is not valid percent-encoded UTF-8.", MessageMember.Lower);

    public static AwsException BadContent(string why) =>
        new(StatusCodes.Status400BadRequest, "InvalidRequestContentException", $"Could not parse request body into json: {why}", MessageMember.Lower);

    /// <summary>Reads the body into a shape. An empty body is an empty object.</summary>
    /// <exception cref="AwsException">Not JSON, duplicate keys, too deep, invalid UTF-8, or a member of the wrong type.</exception>
    public static T Read<T>(AwsRequest request, JsonTypeInfo<T> shape)
    {
        // The serializer sees duplicates of the members it knows only; the document sees all.
        return Guarded(request.Body, body =>
        {
            using var document = JsonDocument.Parse(body, StrictDocument);
            return document.Deserialize(shape);
        }) ?? throw BadContent("The body must be an object.");
    }

    /// <summary>Reads the body as a document; the caller disposes it.</summary>
    /// <exception cref="AwsException">As <see cref="Read{T}"/>.</exception>
    public static JsonDocument ReadDocument(AwsRequest request) =>
        Guarded(request.Body, body => JsonDocument.Parse(body, StrictDocument));

    public static async ValueTask WriteAsync<T>(HttpContext http, int status, T value, JsonTypeInfo<T> shape) =>
        await WriteBytesAsync(http, status, JsonSerializer.SerializeToUtf8Bytes(value, shape));

    public static async ValueTask WriteAsync(HttpContext http, int status, Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            write(writer);
        }

        await WriteBytesAsync(http, status, buffer.WrittenMemory);
    }

    /// <summary>Writes ready-made JSON.</summary>
    public static async ValueTask WriteBytesAsync(HttpContext http, int status, ReadOnlyMemory<byte> json)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = json.Length;
        await ResponseBody.WriteAsync(http, json);
    }

    public static ValueTask WriteErrorAsync(HttpContext http, AwsException error)
    {
        http.Response.Headers["x-amzn-ErrorType"] = error.Type;
        if (error.RetryAfterSeconds is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds.ToString();
        }

        return WriteAsync(http, error.Status, json => WriteError(json, error));
    }

    private static void WriteError(Utf8JsonWriter json, AwsException error)
    {
        json.WriteStartObject();
        if (error.Reason is { } reason)
        {
            json.WriteString("Reason", reason);
        }

        if (error.Member is MessageMember.Capital or MessageMember.Lower)
        {
            json.WriteString("Type", error.Status >= StatusCodes.Status500InternalServerError ? "Service" : "User");
        }

        json.WriteString(error.Member is MessageMember.Capital or MessageMember.CapitalWithoutType ? "Message" : "message", error.Message);
        json.WriteEndObject();
    }

    private static T Guarded<T>(ReadOnlyMemory<byte> body, Func<ReadOnlyMemory<byte>, T> parse)
    {
        // The parser looks at the UTF-8 of strings only when somebody asks for them.
        if (!Utf8.IsValid(body.Span))
        {
            throw BadContent("Invalid UTF-8.");
        }

        try
        {
            RequireFewTokens(body.Span);
            return parse(body.IsEmpty ? "{}"u8.ToArray() : body);
        }
        catch (JsonException bad)
        {
            // The serializer's own words name our types; the reader's name only what it read.
            throw BadContent(bad.Path is null ? bad.Message : $"Unexpected value at {bad.Path}.");
        }
        catch (InvalidOperationException)
        {
            // The parser's search for duplicates reads a name as text, and half a surrogate pair is none.
            throw BadContent("A name is not valid text.");
        }
    }

    private static void RequireFewTokens(ReadOnlySpan<byte> body)
    {
        if (body.Length <= MaxTokens)
        {
            return;
        }

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        for (var tokens = 0; reader.Read(); tokens++)
        {
            if (tokens == MaxTokens)
            {
                throw BadContent("Too many values.");
            }
        }
    }
}
