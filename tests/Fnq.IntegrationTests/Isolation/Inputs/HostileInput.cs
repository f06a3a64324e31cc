using System.Globalization;
using System.Text.Json.Nodes;
using Fnq.Execution.Code;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Fnq.Storage;
using Npgsql;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>
/// What all rows of hostile API input have in common: the right status and AWS's error, no stack trace, exactly one audit
/// line, bounded memory, and after each test a good request that passes.
/// </summary>
public abstract class HostileInput(Platform platform, GoodFunction good) : IClassFixture<GoodFunction>, IAsyncLifetime
{
    internal const string Functions = "/2015-03-31/functions";
    internal const string BadZip = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    private const string Audit = "Fnq.Audit";

    private protected LambdaApi Api => platform.Api;

    private protected FnqProcess Server => platform.Server;

    private protected string Good => good.Name;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        Assert.False(Server.HasExited, Server.Log);
        await good.AnswersAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Refused as AWS does, once in the audit log, and nothing of our own in the words.</summary>
    private protected async Task<ApiAnswer> RefusedAsync(Task<ApiAnswer> sent, int status, string type, string message = "")
    {
        var answer = await sent;
        Assert.True((answer.Status, answer.ErrorType) == (status, type), $"{status} {type} expected: {answer.Status} {answer.ErrorType} {answer.Text}");
        Assert.Contains(message, answer.Message ?? "", StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", answer.Text, StringComparison.Ordinal);
        Assert.True(answer.Body.Length < 20_000, "an error is short");
        await AuditedAsync(answer.RequestId, $"{status} {type}");
        return answer;
    }

    /// <summary>One line, which names the status and the error.</summary>
    private protected async Task AuditedAsync(string requestId, string error)
    {
        string[] Lines() => [.. AuditLines().Where(line => line.EndsWith(", request " + requestId, StringComparison.Ordinal))];
        await Until.TrueAsync(() => Lines().Length > 0, $"an audit line for {requestId}: {error}", TimeSpan.FromSeconds(5));
        Assert.Contains($": {error}, request", Assert.Single(Lines()), StringComparison.Ordinal);
    }

    private protected NpgsqlDataSource Database() => NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(platform.PostgresUrl));

    private protected IEnumerable<string> AuditLines() => Server.Log.Split('\n').Where(line => line.Contains(Audit, StringComparison.Ordinal));

    private protected Task<ApiAnswer> CreateAsync(Action<JsonObject>? spoil = null, byte[]? zip = null)
    {
        var request = LambdaApi.CreateRequest($"a-{Guid.NewGuid():N}", "python3.13", "app.handler", zip ?? CodeZip.Of(("app.py", GoodFunction.Code)));
        spoil?.Invoke(request);
        return Api.CreateAsync(request);
    }

    private protected Task<ApiAnswer> BadZipAsync(byte[] zip) => RefusedAsync(CreateAsync(zip: zip), 400, "InvalidParameterValueException", BadZip);

    /// <summary>The attack leaves the server with at most this much more memory than it had.</summary>
    private protected async Task MemoryStaysAsync(int megabytes, Func<Task> attack)
    {
        var before = ResidentMegabytes(Server);
        await attack();
        await Until.TrueAsync(
            () => ResidentMegabytes(Server) <= before + megabytes,
            $"memory of {before} MB grew by less than {megabytes} MB; it is {ResidentMegabytes(Server)} MB", TimeSpan.FromSeconds(20));
        TestContext.Current.SendDiagnosticMessage("{0}: memory {1} MB before, {2} MB after", TestContext.Current.Test!.TestDisplayName, before, ResidentMegabytes(Server));
    }

    private protected static int ResidentMegabytes(FnqProcess server) => int.Parse(
        File.ReadLines($"/proc/{server.Pid}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))[6..^2],
        NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) / 1024;

    /// <summary>Extracted packages and what is half extracted, by name.</summary>
    private protected string[] CacheEntries() =>
    [
        .. Directory.EnumerateFileSystemEntries(Path.Combine(Server.DataFolder, "code"))
            .Concat(Directory.EnumerateFileSystemEntries(Path.Combine(Server.DataFolder, "code", "drafts")))
            .Where(path => !path.EndsWith(CodeUse.Suffix, StringComparison.Ordinal)).Order(),
    ];
}
