using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>The AWS SDK for JavaScript from npm, unmodified, told where Fnq is by AWS_ENDPOINT_URL alone.</summary>
[Collection(Platform.Collection)]
public sealed class SdkTests(Platform platform)
{
    private const string Code = """
        export const handler = async (event) => {
          if (event.fail) throw new TypeError('asked to');
          return { message: `${process.env.GREETING} ${event.name}` };
        };
        """;

    [Fact]
    public async Task The_JavaScript_SDK_creates_waits_invokes_changes_and_deletes()
    {
        var client = await InstalledAsync();
        var folder = platform.NewFolder();
        var name = $"sdk-{Guid.NewGuid():N}";
        var zip = Path.Combine(folder, "function.zip");
        await File.WriteAllBytesAsync(zip, CodeZip.Of(("index.mjs", Code)));

        var run = await Shell.RunAsync("node", [Path.Combine(client, "lambda.mjs"), zip, name], new Dictionary<string, string?>
        {
            ["AWS_ENDPOINT_URL"] = platform.Server.Address.ToString(),
            ["AWS_REGION"] = "us-east-1",
            ["AWS_ACCESS_KEY_ID"] = Platform.AccessKeyId,
            ["AWS_SECRET_ACCESS_KEY"] = Platform.Secret,
            ["AWS_CONFIG_FILE"] = "/dev/null",
            ["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null",
        });
        var arn = $"arn:aws:lambda:us-east-1:123456789012:function:{name}";
        var expected = new JsonObject
        {
            ["created"] = new JsonObject { ["status"] = 201, ["state"] = "Pending", ["arn"] = arn },
            ["invoked"] = new JsonObject
            {
                ["status"] = 200,
                ["version"] = "$LATEST",
                ["error"] = null,
                ["result"] = new JsonObject { ["message"] = "Hello Grüße" },
                ["report"] = true,
            },
            ["failed"] = new JsonObject { ["status"] = 200, ["error"] = "Unhandled", ["type"] = "TypeError" },
            ["updated"] = "Hi you",
            ["tags"] = new JsonObject { ["team"] = "blue" },
            ["sameCode"] = true,
            ["pageSize"] = 1,
            ["listed"] = true,
            ["deleted"] = 204,
            ["gone"] = $"Function not found: {arn}",
        };
        Assert.Equal(expected.ToJsonString(), JsonNode.Parse(run.Checked)!.ToJsonString());
    }

    /// <summary>The project with its packages, fetched by npm once for a lock file and then kept.</summary>
    private static async Task<string> InstalledAsync()
    {
        var source = Path.Combine(Repository.Root, "tests", "clients");
        string[] files = ["package.json", "package-lock.json", "lambda.mjs"];
        var content = files.SelectMany(file => File.ReadAllBytes(Path.Combine(source, file))).ToArray();
        var folder = Path.Combine(Repository.Root, ".fnq", "clients", Convert.ToHexStringLower(SHA256.HashData(content))[..16]);
        if (Directory.Exists(folder))
        {
            return folder;
        }

        var draft = Directory.CreateDirectory($"{folder}.{Guid.NewGuid():N}").FullName;
        foreach (var file in files)
        {
            File.Copy(Path.Combine(source, file), Path.Combine(draft, file));
        }

        _ = (await Shell.RunAsync(
            "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"],
            folder: draft, limit: TimeSpan.FromMinutes(5))).Checked;
        Directory.Move(draft, folder);
        return folder;
    }
}
