using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Fnq.Schedules;

/// <summary>Whose name space a schedule is in.</summary>
internal static class ScheduleKind
{
    public const string Rule = "rule";
    public const string Schedule = "schedule";
}

/// <summary>What a schedule is called by.</summary>
internal readonly record struct ScheduleKey(string Kind, string AccountId, string Region, string Name)
{
    public string Arn => Kind == ScheduleKind.Rule
        ? $"arn:aws:events:{Region}:{AccountId}:rule/{Name}"
        : $"arn:aws:scheduler:{Region}:{AccountId}:schedule/{SchedulerRules.DefaultGroup}/{Name}";
}

/// <summary>A rule or a schedule.</summary>
internal sealed class ScheduleRow
{
    public required Guid Id { get; init; }
    public required string Kind { get; init; }
    public required string AccountId { get; init; }
    public required string Region { get; init; }
    public required string Name { get; init; }
    public required string Expression { get; set; }

    /// <summary>By its IANA name.</summary>
    public required string Timezone { get; set; }
    public string? Description { get; set; }
    public required bool IsEnabled { get; set; }
    public DateTimeOffset? StartAt { get; set; }
    public DateTimeOffset? EndAt { get; set; }

    /// <summary>0 is exact.</summary>
    public int WindowMinutes { get; set; }

    /// <summary>ActionAfterCompletion DELETE.</summary>
    public bool DeletesItself { get; set; }

    /// <summary>Of the request that made it: the same request once more changes nothing.</summary>
    public string? ClientToken { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ModifiedAt { get; set; }

    /// <summary>Rates count from here.</summary>
    public required DateTimeOffset AnchorAt { get; set; }

    /// <summary>Due times up to here have been dealt with.</summary>
    public required DateTimeOffset HandledUntil { get; set; }
    public required Guid Revision { get; set; }
    public List<ScheduleTargetRow> Targets { get; init; } = [];

    public ScheduleKey Key => new(Kind, AccountId, Region, Name);

    /// <summary>A new one, which is due at nothing yet.</summary>
    public static ScheduleRow Of(ScheduleKey key, DateTimeOffset now, string? clientToken = null) => new()
    {
        Id = Guid.NewGuid(),
        Kind = key.Kind,
        AccountId = key.AccountId,
        Region = key.Region,
        Name = key.Name,
        Expression = "",
        Timezone = "",
        IsEnabled = false,
        ClientToken = clientToken,
        CreatedAt = now,
        ModifiedAt = now,
        AnchorAt = now,
        HandledUntil = now,
        Revision = default,
    };

    /// <summary>Null when expression or zone cannot be read here.</summary>
    public ScheduleTimes? Times() =>
        ScheduleExpression.Parse(Expression) is not { } expression || LocalTime.FindZone(Timezone) is not { } zone ? null : new ScheduleTimes
        {
            ScheduleId = Id,
            Expression = expression,
            Frame = new ScheduleFrame(zone, StartAt ?? AnchorAt, IsFirstDue: StartAt is not null),
            Start = StartAt,
            End = EndAt,
            Window = TimeSpan.FromMinutes(WindowMinutes),
        };

    /// <summary>Adds a target, or replaces the one of its id.</summary>
    public void Put(ScheduleTargetRow target)
    {
        if (Targets.FirstOrDefault(known => known.TargetId == target.TargetId) is not { } known)
        {
            Targets.Add(target);
            return;
        }

        (known.FunctionArn, known.RoleArn, known.Input) = (target.FunctionArn, target.RoleArn, target.Input);
        (known.MaximumRetryAttempts, known.MaximumEventAgeSeconds) = (target.MaximumRetryAttempts, target.MaximumEventAgeSeconds);
        known.DeadLetterArn = target.DeadLetterArn;
    }

    /// <summary>From now on; what was due before is over.</summary>
    public void Restart(DateTimeOffset now)
    {
        ModifiedAt = now;
        AnchorAt = new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerSecond), TimeSpan.Zero);
        HandledUntil = now;
        Revision = Guid.NewGuid();
    }
}

/// <summary>A function that a schedule invokes.</summary>
internal sealed class ScheduleTargetRow
{
    public Guid ScheduleId { get; init; }
    public required string TargetId { get; init; }
    public required string FunctionArn { get; set; }
    public string? RoleArn { get; set; }

    /// <summary>JSON that replaces the event; null for the event.</summary>
    public string? Input { get; set; }
    public int? MaximumRetryAttempts { get; set; }
    public int? MaximumEventAgeSeconds { get; set; }
    public string? DeadLetterArn { get; set; }
}

internal sealed class ScheduleMapping : IEntityTypeConfiguration<ScheduleRow>
{
    public void Configure(EntityTypeBuilder<ScheduleRow> builder)
    {
        builder.ToTable("schedules").HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Ignore(row => row.Key);
        builder.HasMany(row => row.Targets).WithOne().HasForeignKey(target => target.ScheduleId);
    }
}

internal sealed class ScheduleTargetMapping : IEntityTypeConfiguration<ScheduleTargetRow>
{
    public void Configure(EntityTypeBuilder<ScheduleTargetRow> builder) =>
        builder.ToTable("schedule_targets").HasKey(row => new { row.ScheduleId, row.TargetId });
}
