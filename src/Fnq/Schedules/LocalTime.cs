using System.Text.RegularExpressions;

namespace Fnq.Schedules;

/// <summary>Zones by their IANA names, and what a clock on a wall means in one.</summary>
internal static partial class LocalTime
{
    public const int MaxZoneName = 50;

    /// <summary>Null when there is no such zone. A name is a path on this machine: what could lead elsewhere is not looked up.</summary>
    public static TimeZoneInfo? FindZone(string name) =>
        name.Length <= MaxZoneName && ZoneName().IsMatch(name) && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : null;

    /// <summary>The first of two when the clock shows it twice, null when it never does.</summary>
    public static DateTimeOffset? FirstInstant(DateTime local, TimeZoneInfo zone) =>
        zone.IsInvalidTime(local) ? null
        : new DateTimeOffset(local, zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Max() : zone.GetUtcOffset(local)).ToUniversalTime();

    [GeneratedRegex(@"\A[A-Z][A-Za-z0-9_+-]*(?:/[A-Z][A-Za-z0-9_+-]*){0,2}\z")]
    private static partial Regex ZoneName();
}
