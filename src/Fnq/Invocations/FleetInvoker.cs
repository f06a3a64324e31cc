using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>
/// Has a request run where its environment is: in this process by local hand-off when there is one, else wherever its
/// lane leads.
/// </summary>
internal sealed class FleetInvoker(IDeployments deployments, LaneCaller lanes, LocalHandoff local, InvocationMeters meters) : IInvoker
{
    public async ValueTask<InvocationResult> InvokeAsync(InvocationRequest request, CancellationToken cancellationToken)
    {
        var result = await DispatchAsync(request, cancellationToken);
        meters.Answered(result);
        return result;
    }

    private async ValueTask<InvocationResult> DispatchAsync(InvocationRequest request, CancellationToken cancellationToken)
    {
        if (await deployments.FindAsync(request.Deployment, cancellationToken) is not { } deployment)
        {
            return InvocationResult.Of(DispatchStatus.Gone);
        }

        return await local.TryInvokeAsync(deployment, request) ?? await lanes.InvokeAsync(deployment, request);
    }
}

/// <summary>
/// Leases an environment of this process, past the broker. Off without a worker role, by FNQ_LOCAL_HANDOFF=off, and
/// when the broker link has been down for longer than a node lease: by then others may have called a newer
/// configuration Successful without this node's word.
/// </summary>
internal sealed class LocalHandoff(LaneCaller caller, IEnvironmentLeases? leases = null, LaneWorker? worker = null)
{
    private static readonly TimeSpan NodeLease = TimeSpan.FromSeconds(10);

    /// <summary>Null when the request is for the lanes.</summary>
    public async ValueTask<InvocationResult?> TryInvokeAsync(Deployment deployment, InvocationRequest request)
    {
        if (leases is null || caller.DownFor >= NodeLease)
        {
            return null;
        }

        while (true)
        {
            IEnvironmentLease? lease;
            try
            {
                lease = await leases.LeaseAsync(deployment, request.StartDeadline);
            }
            catch (OperationCanceledException)
            {
                return InvocationResult.Of(DispatchStatus.Expired);
            }
            catch (EnvironmentStartException)
            {
                return InvocationResult.Of(DispatchStatus.Unavailable);
            }

            if (lease is null)
            {
                return null;
            }

            worker?.TakenLocally(lease);
            await using (lease)
            {
                try
                {
                    return await lease.InvokeAsync(request, CancellationToken.None);
                }
                catch (EnvironmentGoneException)
                {
                    // It died between its last run and this one; the pool has taken note, and the next lease is another.
                }
            }
        }
    }
}
