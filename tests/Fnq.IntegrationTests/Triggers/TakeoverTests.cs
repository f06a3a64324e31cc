using System.Text;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Events;
using Fnq.IntegrationTests.Fleet;
using Fnq.IntegrationTests.Journeys;
using Fnq.Logs;
using Xunit;

namespace Fnq.IntegrationTests.Triggers;

/// <summary>A queue has one listener, and another one when that is killed.</summary>
[Collection(FleetCollection.Name)]
public sealed class TakeoverTests
{
    private const string Code = """
        import time

        def handler(event, context):
            for record in event["Records"]:
                print("SEEN " + record["body"])
                time.sleep(3 if record["body"] == "long" else 0)
        """;

    [Fact]
    public async Task Another_process_takes_over_within_15_seconds_and_nothing_is_lost()
    {
        await using var fleet = await TestFleet.StartAsync();
        var api = await fleet.ServeAsync("api", "api");
        var worker = await fleet.ServeAsync("worker", "worker");
        List<FnqProcess> triggers = [await fleet.ServeAsync("triggers-1", "triggers"), await fleet.ServeAsync("triggers-2", "triggers")];
        await using var users = await UserBroker.ConnectAsync(fleet.Servers.AmqpUrl);
        var queue = await users.DeclareAsync();
        using var lambda = new LambdaApi(api.Address, TestFleet.KeyId, TestFleet.Secret);
        var name = await lambda.DeployAsync(Code);
        var made = await lambda.SendJsonAsync("POST", "/2015-03-31/event-source-mappings", new JsonObject
        {
            ["FunctionName"] = name, ["EventSourceArn"] = $"arn:aws:sqs:us-east-1:123456789012:{queue}",
        });
        Assert.True(made.Status == 202, made.Text);
        bool Listens(FnqProcess process) => process.Log.Contains($"Listening to the queue {queue}", StringComparison.Ordinal);
        await Until.TrueAsync(() => triggers.Exists(Listens), "somebody listens");
        await users.PublishAsync("", queue, "long"u8.ToArray());
        await Until.TrueAsync(() => Seen(worker, name).Contains("long"), "the function has the message");

        var owner = Assert.Single(triggers, Listens);
        owner.Kill();
        await users.PublishAsync("", queue, Encoding.UTF8.GetBytes("after"));
        await Until.TrueAsync(() => triggers.Exists(process => process != owner && Listens(process)), "the other listens", TimeSpan.FromSeconds(15));
        await Until.TrueAsync(() => Seen(worker, name).Count(body => body == "long") == 2, "what was not processed to its end runs again");
        await Until.TrueAsync(() => Seen(worker, name).Contains("after"), "what came later is processed");
        await Until.TrueAsync(async () => await users.DepthAsync(queue) == 0, "the queue is empty");
    }

    private static List<string> Seen(FnqProcess worker, string name)
    {
        var folder = LogFolders.Of(worker.DataFolder, "123456789012", "us-east-1", name);
        return !Directory.Exists(folder) ? [] :
        [
            .. Directory.GetFiles(folder).SelectMany(file => File.ReadAllText(file).Split('\n'))
                .Where(line => line.Contains("SEEN ", StringComparison.Ordinal)).Select(line => line[(line.IndexOf("SEEN ", StringComparison.Ordinal) + 5)..].Trim()),
        ];
    }
}
