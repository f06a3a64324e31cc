using System.Collections.Concurrent;
using System.Collections.Frozen;
using Fnq.Contracts;

namespace Fnq.Functions;

/// <summary>What an invocation needs to know of a function's version; nothing is made per request.</summary>
/// <param name="IsChanging">A change is in progress: what it ends in is not known yet.</param>
internal sealed record InvocationTarget(
    DeploymentId Deployment, string Version, string State, bool IsChanging, string UnqualifiedArn, string QualifiedArn, string? DeadLetterArn);

/// <summary>
/// Names to deployments, in memory: a warm invocation reads no database. An entry lives until its function changes;
/// whoever hears of a change calls <see cref="Invalidate"/>, and no request that comes later sees what was read before.
/// </summary>
internal sealed class FunctionCatalog(FunctionStore store, DeploymentCatalog deployments)
{
    private const int Capacity = 20_000;
    private readonly ConcurrentDictionary<FunctionKey, Entry> _entries = new();

    /// <summary>Null when there is no such function or version.</summary>
    public ValueTask<InvocationTarget?> FindAsync(in FunctionReference reference, CancellationToken cancellationToken)
    {
        if (reference.VersionNumber is not { } number)
        {
            return new((InvocationTarget?)null);
        }

        return _entries.TryGetValue(reference.Function, out var entry) && entry.Loaded is { } targets
            ? new(targets.GetValueOrDefault(number))
            : new(LoadAsync(reference.Function, number, cancellationToken));
    }

    /// <summary>Also forgets the function's deployments.</summary>
    public void Invalidate(FunctionKey function)
    {
        _entries.TryRemove(function, out _);
        deployments.Forget(function);
    }

    /// <summary>Everything, for a node that may have missed notices.</summary>
    public void InvalidateAll() => _entries.Clear();

    private async Task<InvocationTarget?> LoadAsync(FunctionKey function, int number, CancellationToken cancellationToken)
    {
        if (_entries.Count >= Capacity)
        {
            _entries.Clear();
        }

        var entry = _entries.GetOrAdd(function, static (key, catalog) => new Entry(() => catalog.ReadAsync(key)), this);
        try
        {
            // One load for all who wait; a caller that goes away does not take it from the others.
            var targets = await entry.Load.Value.WaitAsync(cancellationToken);
            if (IsSettled(targets))
            {
                entry.Loaded = targets;
            }
            else
            {
                Drop(function, entry);
            }

            return targets.GetValueOrDefault(number);
        }
        catch
        {
            Drop(function, entry);
            throw;
        }
    }

    private async Task<FrozenDictionary<int, InvocationTarget>> ReadAsync(FunctionKey function)
    {
        var versions = await store.ReadVersionsAsync(function, CancellationToken.None);
        return versions.Select(view => view.Version).ToFrozenDictionary(
            row => row.Number,
            row => new InvocationTarget(
                new(FunctionLifecycle.DeploymentToRun(row)), row.Version, row.State, FunctionLifecycle.IsInProgress(row),
                function.Arn, $"{function.Arn}:{row.Version}", row.Spec.DeadLetterTargetArn));
    }

    /// <summary>What is missing or about to change is read again by the next request.</summary>
    private static bool IsSettled(FrozenDictionary<int, InvocationTarget> targets) =>
        targets.Count > 0 && targets.Values.All(target => target is { State: FunctionState.Active, IsChanging: false });

    private void Drop(FunctionKey function, Entry entry) =>
        _entries.TryRemove(new KeyValuePair<FunctionKey, Entry>(function, entry));

    private sealed class Entry(Func<Task<FrozenDictionary<int, InvocationTarget>>> read)
    {
        public Lazy<Task<FrozenDictionary<int, InvocationTarget>>> Load { get; } = new(read);
        public volatile FrozenDictionary<int, InvocationTarget>? Loaded;
    }
}
