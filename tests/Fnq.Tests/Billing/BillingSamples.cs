using System.Diagnostics.Metrics;
using Fnq.Billing;
using Fnq.Contracts;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.Tests.Billing;

internal static class BillingSamples
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    public static InvocationRecord Record(Guid? runId = null) => new()
    {
        RunId = new RunId(runId ?? Guid.CreateVersion7(Noon)),
        RequestId = new Guid("11111111-2222-4333-8444-555555555555"),
        Function = new FunctionKey("123456789012", "us-east-1", "hello-wörld"),
        Version = "$LATEST",
        Deployment = new DeploymentId("123456789012-us-east-1-hello-0123456789abcdef"),
        Architecture = "x86_64",
        Trigger = "api",
        Attempt = 1,
        Delivery = 1,
        MemorySizeMb = 256,
        EphemeralStorageMb = 512,
        BilledMilliseconds = 103,
        DurationMilliseconds = 2.25,
        InitMilliseconds = 100.5,
        PeakMemoryMb = 39,
        Outcome = RunOutcome.Succeeded,
        Worker = new NodeId("node-1"),
        Environment = "env-1",
        StartedAt = Noon,
    };

    public static byte[] Frame(InvocationRecord record)
    {
        var buffer = new byte[BillingLimits.FrameBytes];
        return buffer[..RecordFrame.Write(record, buffer)];
    }

    public static BillingMeters Meters() =>
        new(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>());
}
