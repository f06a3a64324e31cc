using Npgsql;

namespace Fnq.Billing;

/// <summary>A function's runs so far.</summary>
/// <param name="Invocations">Runs but for the lost ones, which cost nothing and may not have begun: what AWS bills as requests.</param>
/// <param name="Lost">Runs that died with their worker.</param>
internal sealed record FunctionUsage(
    string AccountId, string Region, string Function, long Invocations, long BilledMilliseconds, decimal GbSeconds, long Lost)
{
    public string Arn => $"arn:aws:lambda:{Region}:{AccountId}:function:{Function}";
}

/// <summary>The questions that the records answer. Each is one statement that anybody can repeat in psql.</summary>
internal sealed class UsageQuery(NpgsqlDataSource source)
{
    private const string FunctionsSql = """
        select account_id, region, function_name,
               count(*) filter (where outcome <> 7),
               coalesce(sum(billed_ms), 0)::bigint,
               coalesce(sum(memory_mb::bigint * billed_ms), 0)::numeric / 1024000,
               count(*) filter (where outcome = 7)
        from invocation_records
        where @function is null or function_name = @function
           or 'arn:aws:lambda:' || region || ':' || account_id || ':function:' || function_name = @function
        group by account_id, region, function_name
        order by function_name, account_id, region
        """;

    // Days and months are UTC. Storage is billed over the first 512 MB, for as long as the function is.
    private const string MonthSql = """
        with runs as (
          select * from invocation_records
          where account_id = @account and region = @region and outcome <> 7
            and run_day >= @month and run_day < @month + interval '1 month'
        )
        select 'request', '*', count(*)::numeric from runs
        union all
        select 'gb_second', architecture, sum(memory_mb::bigint * billed_ms)::numeric / 1024000 from runs group by architecture
        union all
        select 'ephemeral_gb_second', '*', coalesce(sum(greatest(ephemeral_mb - 512, 0)::bigint * billed_ms), 0)::numeric / 1024000 from runs
        """;

    private const string PricesSql = "select region, item, architecture, tier_from, usd_per_unit, effective_from from prices";
    private const string AllowancesSql = "select region, item, units_a_month, effective_from from free_allowances";

    /// <param name="function">A name, an ARN, or null for all.</param>
    public Task<List<FunctionUsage>> FunctionsAsync(string? function, CancellationToken cancellationToken) =>
        ReadAsync(
            FunctionsSql,
            [new NpgsqlParameter<string?>("function", NpgsqlTypes.NpgsqlDbType.Text) { TypedValue = function }],
            row => new FunctionUsage(
                row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4), row.GetDecimal(5), row.GetInt64(6)),
            cancellationToken);

    /// <summary>What a month costs in one account and region, at the prices of its first day.</summary>
    public async Task<Bill> BillAsync(string accountId, string region, DateOnly month, CancellationToken cancellationToken)
    {
        var first = new DateOnly(month.Year, month.Month, 1);
        var usage = await ReadAsync(
            MonthSql,
            [new("account", accountId), new("region", region), new("month", first)],
            row => new UsageLine(row.GetString(0), row.GetString(1), row.GetDecimal(2)),
            cancellationToken);
        return Bill.Of(region, first, usage, await PricesAsync(cancellationToken));
    }

    public async Task<PriceList> PricesAsync(CancellationToken cancellationToken) => new(
        await ReadAsync(
            PricesSql,
            [],
            row => new Price(
                row.GetString(0), row.GetString(1), row.GetString(2), row.GetDecimal(3), row.GetDecimal(4), row.GetFieldValue<DateOnly>(5)),
            cancellationToken),
        await ReadAsync(
            AllowancesSql,
            [],
            row => new FreeAllowance(row.GetString(0), row.GetString(1), row.GetDecimal(2), row.GetFieldValue<DateOnly>(3)),
            cancellationToken));

    private async Task<List<T>> ReadAsync<T>(
        string sql, NpgsqlParameter[] parameters, Func<NpgsqlDataReader, T> map, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<T> rows = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(map(reader));
        }

        return rows;
    }
}
