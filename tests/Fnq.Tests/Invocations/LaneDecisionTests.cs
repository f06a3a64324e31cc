using System.Text;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Invocations;
using Xunit;

namespace Fnq.Tests.Invocations;

public sealed class LaneDecisionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Fresh_message_is_run() =>
        Assert.Equal(DeliveryDecision.Run, LaneDelivery.Decide(redelivered: false, Now.AddSeconds(1), Now));

    [Fact]
    public void Redelivered_message_is_never_run_even_past_its_deadline() =>
        Assert.Equal(DeliveryDecision.ReportRedelivered, LaneDelivery.Decide(redelivered: true, Now.AddSeconds(-1), Now));

    [Fact]
    public void Message_past_its_start_deadline_is_dropped() =>
        Assert.Equal(DeliveryDecision.Drop, LaneDelivery.Decide(redelivered: false, Now, Now));

    [Theory]
    [InlineData((int)RequestProgress.Held, 1, (int)LossDecision.Resend)]
    [InlineData((int)RequestProgress.Held, 2, (int)LossDecision.GiveUp)]
    [InlineData((int)RequestProgress.Started, 1, (int)LossDecision.GiveUp)]
    [InlineData((int)RequestProgress.Unknown, 1, (int)LossDecision.GiveUp)]
    public void Lost_request_is_sent_again_only_if_it_was_held_and_only_once(int progress, int delivery, int expected) =>
        Assert.Equal((LossDecision)expected, PendingInvocation.DecideLoss((RequestProgress)progress, delivery));

    [Fact]
    public void Progress_never_moves_back()
    {
        var pending = new PendingInvocation(Request([]), sentAt: 0, givenUpAt: 1);
        pending.Advance(RequestProgress.Started);
        pending.Advance(RequestProgress.Held);
        Assert.Equal(RequestProgress.Started, pending.Progress);
        Assert.Equal(LossDecision.GiveUp, pending.OnLoss());
    }

    [Fact]
    public void Request_survives_the_wire()
    {
        var request = Request([1, 2, 0, 255]);
        var decoded = InvocationWire.DecodeRequest(InvocationWire.Encode(request));
        Assert.Equal(request.Payload.ToArray(), decoded.Payload.ToArray());
        Assert.Equal(request with { Payload = default }, decoded with { Payload = default });
    }

    [Fact]
    public void Result_survives_the_wire()
    {
        var result = new InvocationResult
        {
            Status = DispatchStatus.Completed,
            Outcome = RunOutcome.TimedOut,
            IsFunctionError = true,
            ExecutedVersion = "7",
            LogTail = new byte[] { 9, 8 },
            Payload = new byte[] { 1, 2, 3 },
        };
        var decoded = InvocationWire.DecodeResult(InvocationWire.Encode(result));
        Assert.Equal([9, 8], decoded.LogTail.ToArray());
        Assert.Equal([1, 2, 3], decoded.Payload.ToArray());
        Assert.Equal(result with { LogTail = default, Payload = default }, decoded with { LogTail = default, Payload = default });
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 255, 255, 255, 127, 0 })]
    [InlineData(new byte[] { 255, 255, 255, 255 })]
    public void Frame_with_a_wrong_length_is_refused(byte[] frame) =>
        Assert.Throws<FormatException>(() => InvocationWire.DecodeRequest(frame));

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[")]
    [InlineData("""{"Deployment":null}""")]
    [InlineData("""{"Deployment":"d","StartDeadlineMs":9223372036854775807}""")]
    public void Head_that_is_no_request_is_refused(string head)
    {
        byte[] frame = [(byte)head.Length, 0, 0, 0, .. Encoding.UTF8.GetBytes(head)];
        Assert.Throws<FormatException>(() => InvocationWire.DecodeRequest(frame));
    }

    private static InvocationRequest Request(byte[] payload) => new()
    {
        RequestId = Guid.Parse("8d7ec3a4-7f5d-4a64-b7f5-0f3c9f6a1111"),
        RunId = new RunId(Guid.Parse("019aa000-0000-7000-8000-000000000001")),
        Deployment = new DeploymentId("d-1"),
        InvokedFunctionArn = "arn:aws:lambda:us-east-1:123456789012:function:f",
        Payload = payload,
        ClientContext = """{"custom":{"a":"ä"}}""",
        TraceId = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
        WantsLogTail = true,
        StartDeadline = Now,
        Trigger = "queue",
        Attempt = 2,
        Delivery = 2,
    };
}
