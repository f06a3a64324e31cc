using System.Text.Json.Nodes;

namespace Fnq.IntegrationTests.Cluster;

/// <summary>The unmodified AWS CLI of Debian, pointed at Fnq.</summary>
internal sealed class AwsCli(Uri endpoint, string accessKeyId, string secretAccessKey, string folder)
{
    /// <summary>2.9.19 does not read AWS_ENDPOINT_URL yet, newer ones do: the option works with both.</summary>
    public Task<ShellResult> TryAsync(params string[] arguments) => Shell.RunAsync(
        "/usr/bin/aws", [.. arguments, "--endpoint-url", endpoint.ToString().TrimEnd('/')],
        new Dictionary<string, string?>
        {
            ["AWS_ACCESS_KEY_ID"] = accessKeyId,
            ["AWS_SECRET_ACCESS_KEY"] = secretAccessKey,
            ["AWS_DEFAULT_REGION"] = "us-east-1",
            ["AWS_EC2_METADATA_DISABLED"] = "true",
            ["AWS_MAX_ATTEMPTS"] = "1",
            ["AWS_CONFIG_FILE"] = "/dev/null",
            ["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null",
            ["AWS_PAGER"] = "",
        },
        folder);

    public async Task<JsonNode?> RunAsync(params string[] arguments)
    {
        var output = (await TryAsync(arguments)).Checked;
        return string.IsNullOrWhiteSpace(output) ? null : JsonNode.Parse(output);
    }
}
