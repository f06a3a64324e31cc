using Fnq.Contracts;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions;

internal sealed partial class FunctionStore
{
    /// <summary>Under a row lock: two callers that each add a tag both succeed.</summary>
    public async Task ChangeTagsAsync(FunctionKey key, Action<Dictionary<string, string>> change, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await InTransactionAsync(
            context,
            async token =>
            {
                var function = await context.Set<FunctionRow>()
                    .FromSql($"select * from functions where account_id = {key.AccountId} and region = {key.Region} and name = {key.Name} for update")
                    .SingleOrDefaultAsync(token) ?? throw FunctionErrors.FunctionNotFound(key.Arn);
                var tags = new Dictionary<string, string>(function.Tags);
                change(tags);
                function.Tags = tags;
                await context.SaveChangesAsync(token);
            },
            // Setting the same tags twice is the same as once.
            _ => Task.FromResult(false),
            cancellationToken);
    }
}
