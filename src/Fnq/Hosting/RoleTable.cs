namespace Fnq.Hosting;

/// <summary>The parts a process can play.</summary>
internal static class RoleTable
{
    public const string Api = "api";
    public const string Worker = "worker";
    public const string Triggers = "triggers";
    public const string Scheduler = "scheduler";

    public static readonly IReadOnlyList<string> All = [Api, Worker, Triggers, Scheduler];
}
