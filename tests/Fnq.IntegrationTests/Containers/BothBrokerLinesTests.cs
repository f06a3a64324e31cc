using System.IO.Compression;
using System.Text.Json.Nodes;
using DotNet.Testcontainers.Builders;
using Fnq.IntegrationTests.Cluster;
using Npgsql;
using Xunit;

namespace Fnq.IntegrationTests.Containers;

/// <summary>The whole path over the broker, on each line of RabbitMQ that Fnq promises to work with.</summary>
public sealed class BothBrokerLinesTests : IDisposable
{
    private const string KeyId = "AKIDCONTAINERS";
    private const string Secret = "containers/secret+of+the+tests";
    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-containers-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_function_is_created_run_changed_and_billed(int rabbitMqLine)
    {
        await using var servers = await StartServersAsync(rabbitMqLine);
        Assert.StartsWith($"{rabbitMqLine}.", await servers.ControlBrokerAsync("version"), StringComparison.Ordinal);
        await using var source = NpgsqlDataSource.Create(Storage.PostgresUrl.ToConnectionString(servers.PostgresUrl));
        await using (var server = await FnqProcess.StartAsync("api,worker,triggers,scheduler", Path.Combine(_folder, "data"), Settings(servers)))
        {
            var cli = new AwsCli(server.Address, KeyId, Secret, _folder);
            WriteCode("first");
            _ = await cli.RunAsync(
                "lambda", "create-function", "--function-name", "hello", "--runtime", "python3.13", "--handler", "code.handler",
                "--role", "arn:aws:iam::123456789012:role/any", "--zip-file", $"fileb://{_folder}/code.zip");
            _ = await cli.TryAsync("lambda", "wait", "function-active-v2", "--function-name", "hello");
            Assert.Equal("first", await InvokeAsync(cli, server));

            // The notice of the change goes over the event plane and retires the environment that just ran.
            WriteCode("second");
            _ = await cli.RunAsync("lambda", "update-function-code", "--function-name", "hello", "--zip-file", $"fileb://{_folder}/code.zip");
            _ = await cli.TryAsync("lambda", "wait", "function-updated-v2", "--function-name", "hello");
            Assert.Equal("second", await InvokeAsync(cli, server));

            await Until.TrueAsync(async () => await RecordsAsync(source) == 2, "both runs have their billing record");
            Assert.Contains("fnq.lane.", await servers.ControlBrokerAsync("list_queues", "-p", "fnq", "name"), StringComparison.Ordinal);
            if (rabbitMqLine >= 4)
            {
                // What is deprecated now is refused by a later version.
                Assert.Equal("[]", await servers.ControlBrokerAsync("list_deprecated_features", "--used", "--formatter", "json"));
            }
        }

        Assert.Equal(2, await RecordsAsync(source));
    }

    private static async Task<ServerContainers> StartServersAsync(int rabbitMqLine)
    {
        try
        {
            return await ServerContainers.StartAsync(rabbitMqLine);
        }
        catch (DockerUnavailableException) when (!TestServers.AreContainersAsked)
        {
            Assert.Skip("No Docker engine answers (scripts/dockerd.sh start gives one)");
            throw;
        }
    }

    /// <summary>Without the local hand-off every call crosses the broker.</summary>
    private static Dictionary<string, string?> Settings(ServerContainers servers) => new()
    {
        ["FNQ_AMQP_URL"] = servers.AmqpUrl,
        ["FNQ_PLATFORM_AMQP_URL"] = servers.PlatformAmqpUrl,
        ["FNQ_POSTGRES_URL"] = servers.PostgresUrl,
        ["FNQ_ACCESS_KEY_ID"] = KeyId,
        ["FNQ_SECRET_ACCESS_KEY"] = Secret,
        ["FNQ_LOCAL_HANDOFF"] = "off",
    };

    private static async Task<long> RecordsAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("select count(distinct run_id) from invocation_records where function_name = 'hello' and billed_ms > 0");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private void WriteCode(string answer)
    {
        using var zip = new ZipArchive(File.Create(Path.Combine(_folder, "code.zip")), ZipArchiveMode.Create);
        using var code = new StreamWriter(zip.CreateEntry("code.py").Open());
        code.Write($"def handler(event, context):\n    return '{answer}'\n");
    }

    private async Task<string?> InvokeAsync(AwsCli cli, FnqProcess server)
    {
        var result = await cli.TryAsync("lambda", "invoke", "--function-name", "hello", "response.json");
        Assert.True(result.ExitCode == 0, $"{result.Error}{server.Log}");
        var answer = JsonNode.Parse(result.Output);
        Assert.Equal(200, (int?)answer!["StatusCode"]);
        Assert.Null(answer["FunctionError"]);
        return (string?)JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "response.json")));
    }
}
