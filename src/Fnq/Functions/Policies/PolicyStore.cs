using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions.Policies;

/// <summary>A function's statements, and the revision that they are of.</summary>
internal sealed record PolicyView(IReadOnlyList<PolicyStatementRow> Statements, Guid RevisionId);

/// <summary>
/// Resource policies as rows. A change makes a new revision of the function, as on AWS, but while another change is in progress:
/// that one is known by the revision it has.
/// </summary>
internal sealed class PolicyStore(IDbContextFactory<FnqDbContext> contexts)
{
    /// <summary>Null when there is no such function or version.</summary>
    public async Task<PolicyView?> FindAsync(FunctionReference reference, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await VersionOf(context, reference).AsNoTracking().FirstOrDefaultAsync(cancellationToken) is not { } version)
        {
            return null;
        }

        var statements = await context.Set<PolicyStatementRow>().AsNoTracking()
            .Where(row => row.FunctionId == version.FunctionId && row.Qualifier == (reference.Qualifier ?? ""))
            .OrderBy(row => row.Position)
            .ToListAsync(cancellationToken);
        return new(statements, version.RevisionId);
    }

    /// <exception cref="AwsApi.AwsException">No such function or version, another revision, or a statement of this id is there.</exception>
    public Task AddAsync(
        FunctionReference reference, string statementId, string statement, string? expectedRevision, CancellationToken cancellationToken) =>
        ChangeAsync(
            reference, expectedRevision,
            (context, id) => context.Add(new PolicyStatementRow
            {
                FunctionId = id, Qualifier = reference.Qualifier ?? "", StatementId = statementId, Statement = statement,
            }),
            statements => statements.Any(row => row.StatementId == statementId) ? PolicyErrors.Exists(statementId) : null,
            statements => statements.Any(row => row.StatementId == statementId && row.Statement == statement),
            cancellationToken);

    /// <exception cref="AwsApi.AwsException">No such function, version or statement, or another revision.</exception>
    public Task RemoveAsync(FunctionReference reference, string statementId, string? expectedRevision, CancellationToken cancellationToken) =>
        ChangeAsync(
            reference, expectedRevision,
            (context, id) => context.Remove(
                context.Set<PolicyStatementRow>().Local.Single(row => row.FunctionId == id && row.StatementId == statementId)),
            statements => statements.Count == 0 ? PolicyErrors.NoPolicy()
                : statements.All(row => row.StatementId != statementId) ? PolicyErrors.NoStatement(statementId)
                : null,
            statements => statements.All(row => row.StatementId != statementId),
            cancellationToken);

    private async Task ChangeAsync(
        FunctionReference reference, string? expectedRevision, Action<FnqDbContext, Guid> change,
        Func<IReadOnlyList<PolicyStatementRow>, Exception?> refuses, Func<IReadOnlyList<PolicyStatementRow>, bool> isDone,
        CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Database.CreateExecutionStrategy().ExecuteInTransactionAsync(
            async token =>
            {
                context.ChangeTracker.Clear();
                var version = await VersionOf(context, reference).FirstOrDefaultAsync(token) ?? throw FunctionErrors.FunctionNotFound(reference.Arn);

                // Two who change one policy take turns.
                await context.Database.ExecuteSqlAsync($"select 1 from functions where id = {version.FunctionId} for update", token);
                var statements = await context.Set<PolicyStatementRow>()
                    .Where(row => row.FunctionId == version.FunctionId && row.Qualifier == (reference.Qualifier ?? "")).ToListAsync(token);
                if (refuses(statements) is { } refusal)
                {
                    throw refusal;
                }

                if (expectedRevision is not null && expectedRevision != version.RevisionId.ToString())
                {
                    throw FunctionErrors.StaleRevision();
                }

                change(context, version.FunctionId);
                if (version.State != FunctionState.Pending && version.LastUpdateStatus != UpdateStatus.InProgress)
                {
                    version.RevisionId = Guid.NewGuid();
                }

                await context.SaveChangesAsync(token);
            },
            async token => isDone((await FindAsync(reference, token))?.Statements ?? []),
            cancellationToken);
    }

    private static IQueryable<FunctionVersionRow> VersionOf(FnqDbContext context, FunctionReference reference)
    {
        var (key, number) = (reference.Function, reference.VersionNumber ?? -1);
        return context.Set<FunctionVersionRow>().Where(version => version.Number == number && context.Set<FunctionRow>().Any(function =>
            function.Id == version.FunctionId && function.AccountId == key.AccountId && function.Region == key.Region && function.Name == key.Name));
    }
}
