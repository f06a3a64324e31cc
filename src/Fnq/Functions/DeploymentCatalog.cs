using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Dispatch;
using Npgsql;

namespace Fnq.Functions;

/// <summary>Deployments by id. They never change, so what was read once is kept until its function changes.</summary>
internal sealed class DeploymentCatalog(NpgsqlDataSource source) : IDeployments
{
    private const int Capacity = 20_000;
    private readonly ConcurrentDictionary<DeploymentId, Deployment> _known = new();

    /// <summary>Raised by every <see cref="Forget"/>: what was read before must not be kept after it.</summary>
    private long _generation;

    public ValueTask<Deployment?> FindAsync(DeploymentId id, CancellationToken cancellationToken) =>
        _known.TryGetValue(id, out var known) ? new(known) : new(LoadAsync(id, cancellationToken));

    public async Task<byte[]> ReadPackageAsync(string digest, CancellationToken cancellationToken) =>
        await TryReadPackageAsync(digest, cancellationToken) ?? throw new InvalidOperationException($"Code package {digest} is not in the store");

    public async Task<byte[]?> TryReadPackageAsync(string digest, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand("select bytes from code_packages where digest = $1");
        command.Parameters.AddWithValue(digest);
        return (byte[]?)await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <summary>Drops what is known of a function, so that a deleted one is not found any more.</summary>
    public void Forget(FunctionKey function)
    {
        Interlocked.Increment(ref _generation);
        foreach (var (id, deployment) in _known)
        {
            if (deployment.Function == function)
            {
                _known.TryRemove(id, out _);
            }
        }
    }

    private async Task<Deployment?> LoadAsync(DeploymentId id, CancellationToken cancellationToken)
    {
        var generation = Interlocked.Read(ref _generation);
        await using var command = source.CreateCommand("select spec::text from deployments where id = $1");
        command.Parameters.AddWithValue(id.Value);
        if (await command.ExecuteScalarAsync(cancellationToken) is not string spec)
        {
            return null;
        }

        var deployment = FunctionsJson.Read(spec, FunctionsJson.Api.Deployment);
        Keep(deployment, generation);
        return deployment;
    }

    private void Keep(Deployment deployment, long generation)
    {
        if (_known.Count >= Capacity)
        {
            _known.Clear();
        }

        _known[deployment.Id] = deployment;
        if (Interlocked.Read(ref _generation) != generation)
        {
            _known.TryRemove(deployment.Id, out _);
        }
    }
}
