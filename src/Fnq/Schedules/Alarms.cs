using Quartz;

namespace Fnq.Schedules;

/// <summary>
/// Quartz as an alarm clock: one trigger for each schedule, in this process's memory. It forgets everything with its process
/// and loses nothing by that, because what is due and what has been dealt with are rows.
/// </summary>
internal sealed class Alarms(ISchedulerFactory factory)
{
    public static readonly JobKey Job = new("ring");

    /// <summary>In place of the one that the schedule had at this revision. One in the past rings at once.</summary>
    public async Task SetAsync(AlarmKey key, DateTimeOffset at, CancellationToken cancellationToken)
    {
        var trigger = TriggerBuilder.Create().WithIdentity(key.ToString()).ForJob(Job).StartAt(at).Build();
        var quartz = await factory.GetScheduler(cancellationToken);
        await quartz.ScheduleTrigger(trigger, TriggerConflict.Replace, cancellationToken);
    }

    public async Task RemoveAsync(AlarmKey key, CancellationToken cancellationToken)
    {
        var quartz = await factory.GetScheduler(cancellationToken);
        await quartz.UnscheduleJob(new TriggerKey(key.ToString()), cancellationToken);
    }
}

/// <summary>Names an alarm: the one of an older revision is another and rings for nothing.</summary>
internal readonly record struct AlarmKey(Guid ScheduleId, Guid Revision)
{
    public static AlarmKey Parse(string text) => new(Guid.ParseExact(text[..32], "N"), Guid.ParseExact(text[33..], "N"));

    public override string ToString() => $"{ScheduleId:N}/{Revision:N}";
}

/// <summary>What Quartz runs when an alarm rings.</summary>
internal sealed class RingJob(ScheduleClock clock) : IJob
{
    public ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default) =>
        new(clock.RingAsync(AlarmKey.Parse(context.Trigger.Key.Name), cancellationToken));
}
