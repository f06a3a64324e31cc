using System.Security.Cryptography;
using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions.Urls;

/// <summary>A URL, the function that it calls, and the statements of that function's policy.</summary>
internal sealed record FunctionUrlTarget(FunctionUrlRow Url, FunctionKey Function, IReadOnlyList<string> Statements);

/// <summary>Function URLs as rows.</summary>
internal sealed class FunctionUrlStore(IDbContextFactory<FnqDbContext> contexts, TimeProvider time)
{
    private const string IdLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
    private const int IdLength = 32;

    /// <summary>Null when the function has one already.</summary>
    public async Task<FunctionUrlRow?> CreateAsync(Guid functionId, FunctionUrlRequest wanted, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var (id, now) = (RandomNumberGenerator.GetString(IdLetters, IdLength), time.GetUtcNow());
        var cors = wanted.Cors is null ? null : FunctionsJson.Write(wanted.Cors, FunctionsJson.Api.CorsSpec);
        await context.Database.ExecuteSqlAsync(
            $"""
            insert into function_urls (id, function_id, qualifier, auth_type, invoke_mode, cors, created_at, last_modified)
            values ({id}, {functionId}, '', {wanted.AuthType}, {wanted.InvokeMode}, {cors}::json, {now}, {now})
            on conflict do nothing
            """, cancellationToken);
        return await context.Set<FunctionUrlRow>().AsNoTracking().FirstOrDefaultAsync(row => row.Id == id, cancellationToken);
    }

    public async Task<FunctionUrlRow?> FindAsync(Guid functionId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<FunctionUrlRow>().AsNoTracking().FirstOrDefaultAsync(row => row.FunctionId == functionId, cancellationToken);
    }

    /// <summary>Changes what is given. Null when there is none.</summary>
    public async Task<FunctionUrlRow?> UpdateAsync(Guid functionId, FunctionUrlRequest wanted, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Set<FunctionUrlRow>().FirstOrDefaultAsync(row => row.FunctionId == functionId, cancellationToken) is not { } url)
        {
            return null;
        }

        (url.AuthType, url.InvokeMode, url.Cors) = (wanted.AuthType ?? url.AuthType, wanted.InvokeMode ?? url.InvokeMode, wanted.Cors ?? url.Cors);
        url.LastModified = time.GetUtcNow();
        await context.SaveChangesAsync(cancellationToken);
        return url;
    }

    /// <summary>False when there was none.</summary>
    public async Task<bool> DeleteAsync(Guid functionId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<FunctionUrlRow>().Where(row => row.FunctionId == functionId).ExecuteDeleteAsync(cancellationToken) > 0;
    }

    /// <summary>For a call of it. Null when nobody has this id.</summary>
    public async Task<FunctionUrlTarget?> FindTargetAsync(string id, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var found = await context.Set<FunctionUrlRow>().AsNoTracking().Where(row => row.Id == id)
            .Join(context.Set<FunctionRow>().AsNoTracking(), url => url.FunctionId, function => function.Id, (url, function) => new { url, function })
            .FirstOrDefaultAsync(cancellationToken);
        if (found is null)
        {
            return null;
        }

        var statements = await context.Set<Policies.PolicyStatementRow>().AsNoTracking()
            .Where(row => row.FunctionId == found.function.Id && row.Qualifier == found.url.Qualifier)
            .Select(row => row.Statement).ToListAsync(cancellationToken);
        return new(found.url, found.function.Key, statements);
    }
}
