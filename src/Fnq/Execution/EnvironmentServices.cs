using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution.Output;
using Fnq.Execution.RuntimeApi;
using Fnq.Execution.Runtimes;
using Fnq.Logs;

namespace Fnq.Execution;

/// <summary>What all environments of a worker share.</summary>
internal sealed record EnvironmentServices(
    RuntimeApiServer RuntimeApi,
    RuntimeApiAcceptor Acceptor,
    OutputPump Output,
    LogStore Logs,
    IRunJournal Journal,
    FunctionAccess Access,
    ExecutionMeters Meters,
    NodeId Worker,
    TimeProvider Time,
    ILogger<ExecutionEnvironment> Log);

/// <summary>How an environment's runtime is started; the same at every start of its life.</summary>
/// <param name="Entrypoint">Null when no candidate exists: every start fails as on AWS.</param>
/// <param name="Candidates">Named in that failure.</param>
internal sealed record RuntimeStart(
    RuntimeManifest Runtime,
    IReadOnlyList<string>? Entrypoint,
    IReadOnlyList<string> Candidates,
    bool IsWrapped,
    IReadOnlyDictionary<string, string> Variables);

/// <summary>Where a deployment's code lies on this host, extracted. The folders stay until it is disposed.</summary>
internal sealed record CodeFolders(string CodeFolder, string? LayersFolder, IDisposable? Lease = null) : IDisposable
{
    public void Dispose() => Lease?.Dispose();
}

/// <summary>Gives the folders of a deployment, fetching and extracting what is not there yet.</summary>
internal interface ICodeFolders
{
    ValueTask<CodeFolders> PrepareAsync(Deployment deployment, CancellationToken cancellationToken);
}
