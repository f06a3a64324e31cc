using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Functions.EventConfigs;

namespace Fnq.Functions;

/// <summary>Whom an event is for. What is to become of it afterwards is read again every few seconds, since nobody announces its changes.</summary>
internal sealed class EventTargets(
    FunctionCatalog catalog, DeploymentCatalog deployments, EventInvokeConfigStore configs, TimeProvider time) : IEventTargets
{
    private const int Capacity = 10_000;
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<(FunctionKey, string), Known> _known = new();

    public async ValueTask<EventTarget?> FindAsync(FunctionKey function, string? qualifier, CancellationToken cancellationToken)
    {
        var reference = new FunctionReference(function, qualifier);
        if (await catalog.FindAsync(reference, cancellationToken) is not { } target
            || await deployments.FindAsync(target.Deployment, cancellationToken) is not { } deployment)
        {
            return null;
        }

        var config = await ConfigAsync(function, target.Version, cancellationToken);
        var plain = new EventTarget
        {
            Deployment = target.Deployment,
            InvokedFunctionArn = qualifier is null ? target.UnqualifiedArn : target.QualifiedArn,
            QualifiedArn = target.QualifiedArn,
            IsActive = target.State == FunctionState.Active,
            Timeout = deployment.Timeout,
            DeadLetter = target.DeadLetterArn is { } arn ? EventDestination.Parse(arn) : null,
        };
        return config is null ? plain : plain with
        {
            RetriesMax = config.MaximumRetryAttempts ?? plain.RetriesMax,
            AgeMax = config.MaximumEventAgeSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : plain.AgeMax,
            OnSuccess = config.OnSuccess is { } success ? EventDestination.Parse(success) : null,
            OnFailure = config.OnFailure is { } failure ? EventDestination.Parse(failure) : null,
        };
    }

    private async ValueTask<EventInvokeConfigRow?> ConfigAsync(FunctionKey function, string version, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue((function, version), out var known) && time.GetElapsedTime(known.ReadAt) < Freshness)
        {
            return known.Config;
        }

        if (_known.Count >= Capacity)
        {
            _known.Clear();
        }

        var readAt = time.GetTimestamp();
        var config = await configs.FindAsync(function, version, cancellationToken);
        _known[(function, version)] = new(config, readAt);
        return config;
    }

    private sealed record Known(EventInvokeConfigRow? Config, long ReadAt);
}
