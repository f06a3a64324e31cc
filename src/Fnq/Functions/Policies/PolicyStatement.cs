using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Fnq.Functions.Policies;

/// <summary>Statements of a function's resource policy, in AWS's words and order (lambda-api section 6), and what they allow.</summary>
internal static partial class PolicyStatement
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="request">Checked.</param>
    /// <param name="resource">The function's ARN, with the qualifier if one was given.</param>
    public static string Write(AddPermissionRequest request, string resource)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("Sid", request.StatementId);
            json.WriteString("Effect", "Allow");
            WritePrincipal(json, request.Principal!);
            json.WriteString("Action", request.Action);
            json.WriteString("Resource", resource);
            WriteConditions(json, request);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    /// <summary>The whole policy, which AWS gives as text.</summary>
    public static string WritePolicy(IEnumerable<string> statements) =>
        $$"""{"Version":"2012-10-17","Id":"default","Statement":[{{string.Join(',', statements)}}]}""";

    /// <summary>Whether anybody at all may call the function's URL.</summary>
    public static bool AllowsPublicUrl(string statement)
    {
        using var json = JsonDocument.Parse(statement);
        var root = json.RootElement;
        return root.GetProperty("Principal") is { ValueKind: JsonValueKind.String } principal
            && principal.GetString() == "*"
            && root.GetProperty("Action").GetString() is "lambda:InvokeFunctionUrl" or "lambda:*" or "*"
            && (!root.TryGetProperty("Condition", out var conditions) || conditions.EnumerateObject().All(IsOfPublicUrls));
    }

    /// <summary>A condition on where the call comes from is none that a call from anywhere meets.</summary>
    private static bool IsOfPublicUrls(JsonProperty condition) => condition.Value.EnumerateObject().All(value => value.Name switch
    {
        "lambda:FunctionUrlAuthType" => value.Value.GetString() == "NONE",
        "lambda:InvokedViaFunctionUrl" => value.Value.GetString() == "true",
        _ => false,
    });

    private static void WritePrincipal(Utf8JsonWriter json, string principal)
    {
        if (principal == "*")
        {
            json.WriteString("Principal", principal);
            return;
        }

        json.WriteStartObject("Principal");
        if (Account().IsMatch(principal))
        {
            json.WriteString("AWS", $"arn:aws:iam::{principal}:root");
        }
        else
        {
            json.WriteString(principal.StartsWith("arn:", StringComparison.Ordinal) ? "AWS" : "Service", principal);
        }

        json.WriteEndObject();
    }

    private static void WriteConditions(Utf8JsonWriter json, AddPermissionRequest request)
    {
        (string Operator, string Key, string? Value)[] conditions =
        [
            ("StringEquals", "AWS:SourceAccount", request.SourceAccount),
            ("StringEquals", "lambda:FunctionUrlAuthType", request.FunctionUrlAuthType),
            ("StringEquals", "aws:PrincipalOrgID", request.PrincipalOrgID),
            ("StringEquals", "lambda:EventSourceToken", request.EventSourceToken),
            ("Bool", "lambda:InvokedViaFunctionUrl", request.InvokedViaFunctionUrl is { } via ? (via ? "true" : "false") : null),
            ("ArnLike", "AWS:SourceArn", request.SourceArn),
        ];
        var given = conditions.Where(condition => condition.Value is not null).GroupBy(condition => condition.Operator).ToList();
        if (given.Count == 0)
        {
            return;
        }

        json.WriteStartObject("Condition");
        foreach (var group in given)
        {
            json.WriteStartObject(group.Key);
            foreach (var (_, key, value) in group)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    [GeneratedRegex(@"\A[0-9]{12}\z")]
    private static partial Regex Account();
}
