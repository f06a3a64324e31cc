using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Events;
using Fnq.IntegrationTests.Fleet;
using Fnq.IntegrationTests.Journeys;
using RabbitMQ.Client;
using Xunit;

namespace Fnq.IntegrationTests.Triggers;

/// <summary>With a limit on receives, what fails again and again is left to the queue's own dead letters.</summary>
[Collection(FleetCollection.Name)]
public sealed class RedriveTests
{
    private const string Code = """
        def handler(event, context):
            return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"] if r["body"] == "bad"]}
        """;

    [Fact]
    public async Task A_message_that_failed_too_often_is_among_the_dead_letters_with_its_count()
    {
        await using var fleet = await TestFleet.StartAsync();
        var server = await fleet.ServeAsync(
            "one", "api,worker,triggers,scheduler", ("FNQ_QUEUE_VISIBILITY_SECONDS", "1"), ("FNQ_QUEUE_MAX_RECEIVES", "3"));
        await using var users = await UserBroker.ConnectAsync(fleet.Servers.AmqpUrl);
        var dead = await users.DeclareAsync();
        var queue = await users.DeclareAsync(new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = dead });
        using var lambda = new LambdaApi(server.Address, TestFleet.KeyId, TestFleet.Secret);
        var made = await lambda.SendJsonAsync("POST", "/2015-03-31/event-source-mappings", new JsonObject
        {
            ["FunctionName"] = await lambda.DeployAsync(Code),
            ["EventSourceArn"] = $"arn:aws:sqs:us-east-1:123456789012:{queue}",
            ["FunctionResponseTypes"] = new JsonArray("ReportBatchItemFailures"),
        });
        Assert.True(made.Status == 202, made.Text);
        await users.PublishAsync("", queue, "bad"u8.ToArray());
        await users.PublishAsync("", queue, "good"u8.ToArray());

        BasicGetResult? letter = null;
        await Until.TrueAsync(async () => (letter = await users.GetAsync(dead)) is not null, "a dead letter arrives");
        Assert.Equal("bad"u8.ToArray(), letter!.Body.ToArray());
        Assert.Equal(2, letter.BasicProperties.Headers!["x-fnq-receive-count"]);
        await Until.TrueAsync(async () => await users.DepthAsync(queue) == 0, "the queue is empty");
        Assert.Equal(0U, await users.DepthAsync(dead));
    }
}
