using System.Text.Json;
using Fnq.Schedules;
using Xunit;

namespace Fnq.Tests.Schedules;

/// <summary>What requests look like on the wire.</summary>
public sealed class ScheduleShapesTests
{
    [Fact]
    public void A_schedule_is_read_with_what_is_unknown_of_its_target()
    {
        const string body =
            """
            {"StartDate":1700000000.5,"FlexibleTimeWindow":{"Mode":"OFF"},"Other":1,
             "Target":{"Arn":"a","RetryPolicy":{"MaximumRetryAttempts":3},"DeadLetterConfig":{"Arn":"q"},"SqsParameters":{"MessageGroupId":"x"}}}
            """;
        var request = JsonSerializer.Deserialize(body, SchedulesJson.Api.ScheduleRequest)!;
        Assert.Equal((1_700_000_000.5m, "OFF"), (request.StartDate!.Value, request.FlexibleTimeWindow!.Mode!));
        Assert.Equal(("a", 3, "q"), (request.Target!.ToRow().FunctionArn, request.Target.ToRow().MaximumRetryAttempts, request.Target.ToRow().DeadLetterArn));
        Assert.Equal(["SqsParameters"], request.Target.Rest!.Keys);
    }
}
