using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Fnq.Contracts;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>One process that takes requests, two that run them, one broker between.</summary>
[Collection(FleetCollection.Name)]
public sealed class FleetTests
{
    private const int Functions = 50;
    private const int Clients = 20;
    private const int RoundsOfAClient = 30;

    [Fact]
    public async Task Fifty_functions_and_twenty_clients_get_every_answer_right_and_warm_from_both_workers()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        await fleet.ServeAsync("worker-1", "worker");
        await fleet.ServeAsync("worker-2", "worker");
        var sources = Enumerable.Range(0, Functions)
            .Select(i => i % 2 == 0 ? FunctionSource.Python($"python-{i}") : FunctionSource.Node($"node-{i}")).ToList();
        await Parallel.ForEachAsync(
            sources, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (source, _) => await client.CreateAsync(source));

        var answers = new ConcurrentBag<(string Function, JsonObject Event, Answer Answer)>();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async number =>
        {
            for (var round = 0; round < RoundsOfAClient; round++)
            {
                // Co-prime to the number of functions: neighbours never march in step.
                var source = sources[((number * 7) + (round * 3)) % Functions];
                var payload = new JsonObject { ["client"] = number, ["round"] = round };
                answers.Add((source.Name, payload, await client.InvokeAsync(source.Name, payload)));
            }
        }));

        Assert.Equal(Clients * RoundsOfAClient, answers.Count);
        Assert.All(answers, each =>
        {
            Assert.True(each.Answer.IsSuccess, $"{each.Function}: {(int)each.Answer.Status} {each.Answer.Body} after {each.Answer.Took}");
            Assert.Equal(each.Function, each.Answer.Reply.Marker);
            Assert.True(JsonNode.DeepEquals(each.Event, each.Answer.Reply.Echo), each.Answer.Body);
            Assert.Equal(each.Answer.RequestId, each.Answer.Reply.RequestId);
        });

        var records = await fleet.Records.OfAllAsync(answers.Select(each => each.Answer.RequestId));
        Assert.Equal(answers.Count, records.Count);
        Assert.All(records, record => Assert.Equal(RunOutcome.Succeeded, record.Outcome));
        var workers = records.ToDictionary(record => record.RequestId, record => record.Worker);
        var warmWorkers = answers.Where(each => each.Answer.Reply.Count > 1)
            .GroupBy(each => workers[each.Answer.RequestId]).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(2, warmWorkers.Count);
        TestContext.Current.SendDiagnosticMessage(
            "{0} answers, {1} environments, warm runs by worker {2}", answers.Count,
            answers.Select(each => each.Answer.Reply.Environment).Distinct().Count(), string.Join(" and ", warmWorkers.Values));

        // Every environment counts its own runs without a gap: none was run twice or served by two at a time.
        Assert.All(answers.GroupBy(each => each.Answer.Reply.Environment), environment =>
            Assert.Equal(Enumerable.Range(1, environment.Count()), environment.Select(each => each.Answer.Reply.Count).Order()));
    }
}
