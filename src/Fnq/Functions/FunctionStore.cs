using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions;

/// <summary>A function and one of its versions, as the API shows them.</summary>
internal sealed record FunctionView(FunctionRow Function, FunctionVersionRow Version);

/// <summary>Where a page of a listing begins: behind this name and number.</summary>
internal sealed record ListPosition(string Name, int Number);

/// <summary>Functions and versions as rows. This part reads.</summary>
internal sealed partial class FunctionStore(IDbContextFactory<FnqDbContext> contexts, TimeProvider time)
{
    public async Task<FunctionView?> FindAsync(FunctionKey key, int number, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var found = await Views(context, key)
            .Where(pair => pair.Version.Number == number)
            .FirstOrDefaultAsync(cancellationToken);
        return found is null ? null : new(found.Function, found.Version);
    }

    public async Task<FunctionRow?> FindFunctionAsync(FunctionKey key, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await Functions(context, key).AsNoTracking().FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>All versions of one function; empty when there is none of that name.</summary>
    public async Task<IReadOnlyList<FunctionView>> ReadVersionsAsync(FunctionKey key, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var found = await Views(context, key).ToListAsync(cancellationToken);
        return [.. found.Select(pair => new FunctionView(pair.Function, pair.Version))];
    }

    public async Task<IReadOnlyList<FunctionView>> ListAsync(
        string account, string region, bool allVersions, ListPosition? after, int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var functions = context.Set<FunctionRow>().AsNoTracking().Where(row => row.AccountId == account && row.Region == region);
        var pairs = functions.Join(
            context.Set<FunctionVersionRow>().AsNoTracking().Where(row => allVersions || row.Number == FunctionVersionRow.Latest),
            function => function.Id, version => version.FunctionId, (function, version) => new { function, version });
        if (after is not null)
        {
            pairs = pairs.Where(pair =>
                EF.Functions.Collate(pair.function.Name, "C").CompareTo(after.Name) > 0
                || (pair.function.Name == after.Name && pair.version.Number > after.Number));
        }

        var page = await pairs
            .OrderBy(pair => EF.Functions.Collate(pair.function.Name, "C")).ThenBy(pair => pair.version.Number)
            .Take(count)
            .ToListAsync(cancellationToken);
        return [.. page.Select(pair => new FunctionView(pair.function, pair.version))];
    }

    /// <summary>How many functions there are, and the bytes of all their versions' code.</summary>
    public async Task<(long Functions, long CodeBytes)> MeasureAsync(string account, string region, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var functions = context.Set<FunctionRow>().Where(row => row.AccountId == account && row.Region == region);
        var count = await functions.LongCountAsync(cancellationToken);
        var bytes = await functions
            .Join(context.Set<FunctionVersionRow>(), function => function.Id, version => version.FunctionId, (_, version) => version.CodeSize)
            .SumAsync(cancellationToken);
        return (count, bytes);
    }

    private static IQueryable<FunctionRow> Functions(FnqDbContext context, FunctionKey key) =>
        context.Set<FunctionRow>().Where(row => row.AccountId == key.AccountId && row.Region == key.Region && row.Name == key.Name);

    private static IQueryable<Pair> Views(FnqDbContext context, FunctionKey key) =>
        Functions(context, key).AsNoTracking().Join(
            context.Set<FunctionVersionRow>().AsNoTracking(),
            function => function.Id, version => version.FunctionId,
            (function, version) => new Pair { Function = function, Version = version });

    private sealed class Pair
    {
        public required FunctionRow Function { get; init; }
        public required FunctionVersionRow Version { get; init; }
    }
}
