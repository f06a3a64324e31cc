using Fnq.Dispatch;

namespace Fnq.Execution;

/// <summary>How those who wait get an environment.</summary>
internal sealed partial class DeploymentPool
{
    /// <summary>Asks the policy what those who wait need, and does it.</summary>
    public void ServeWaiting()
    {
        while (Decide(hasRoom: true) is OverflowDecision.Start)
        {
            // No gate is held here: to make room another pool's is taken.
            var expectedMb = ExpectedMb;
            switch (node.Reserve(expectedMb, this, out var eviction))
            {
                case Room.Reserved:
                    node.UnderWay(StartAsync(expectedMb));
                    break;
                case Room.Coming:
                    node.UnderWay(StartAfterAsync(eviction!));
                    break;
                default:
                    ServeWithoutRoom();
                    return;
            }
        }
    }

    /// <summary>What Start decides is counted as starting at once, so that two who ask at a time do not start for the same one.</summary>
    private OverflowDecision Decide(bool hasRoom)
    {
        lock (_gate)
        {
            var decision = OverflowPolicy.Decide(new OverflowSituation(
                _waiting.Count, _all.Count, _starting, node.StartsInFlight, Runs.Median(), ColdStart, node.Options.Cores, hasRoom,
                _waiting.TryPeek(out var oldest) ? time.GetElapsedTime(oldest.Since) : TimeSpan.Zero));
            if (decision == OverflowDecision.Start)
            {
                _starting++;
                node.StartBegun();
            }

            return decision;
        }
    }

    /// <summary>While the old one still serves, so that nobody waits for a start because of its age. Where there is no room, nobody ends for it.</summary>
    private void StartSuccessor()
    {
        var expectedMb = ExpectedMb;
        lock (_gate)
        {
            if (_idle.Exists(other => !other.IsAgeing(node.Options)) || _starting > 0 || !node.Capacity.TryReserve(expectedMb))
            {
                return;
            }

            _starting++;
            node.StartBegun();
        }

        node.UnderWay(StartAsync(expectedMb));
    }

    private void ServeWithoutRoom()
    {
        CancelStart();
        switch (Decide(hasRoom: false))
        {
            case OverflowDecision.CallForHelp:
                node.NeedsHelp(Deployment.Id);
                break;
            case OverflowDecision.Refuse:
                RefuseAll(null);
                break;
            default:
                break;
        }
    }

    /// <summary>The start that was decided upon waits for its room, and no second idle environment ends for the same request.</summary>
    private async Task StartAfterAsync(Task eviction)
    {
        await eviction;
        CancelStart();
        ServeWaiting();
    }

    private void CancelStart()
    {
        lock (_gate)
        {
            _starting--;
        }

        node.StartGivenUp();
    }

    private async Task StartAsync(int reservedMb)
    {
        // Off the caller's thread: a start is long, and the caller only waits for whichever comes first.
        await Task.Yield();
        try
        {
            var environment = await node.Factory.StartAsync(Deployment, _initBackoff, CancellationToken.None);
            var maxInvocations = node.Options.InvocationsOf(Interlocked.Increment(ref _started));
            Started(new PooledEnvironment(this, environment, maxInvocations, time) { ReservedMb = reservedMb });
        }
        catch (Exception error)
        {
            StartFailed(error, reservedMb);
        }
    }

    private void Started(PooledEnvironment environment)
    {
        lock (_gate)
        {
            _starting--;
            _all.Add(environment);
            ColdStart = environment.Environment.ColdStart;
        }

        _ = WatchAsync(environment);
        if (_retired)
        {
            // Whoever waits still gets it; it is discarded on return, and no lane hears of it.
            LogStartedForRetired(Deployment.Id.Value);
        }
        else
        {
            node.Came(environment);
        }

        // Before the policy is asked again: who gets this one waits no more.
        Offer(environment);
        node.StartEnded();
        ServeWaiting();
    }

    private void StartFailed(Exception error, int reservedMb)
    {
        bool nobodyElse;
        lock (_gate)
        {
            _starting--;
            nobodyElse = _all.Count + _starting == 0;
        }

        LogStartFailed(error, Deployment.Id.Value);
        node.Capacity.Release(reservedMb);
        if (nobodyElse)
        {
            // Before the policy is asked again, or it would start another for those who are refused here.
            RefuseAll(new EnvironmentStartException(error));
        }

        node.StartEnded();
        ServeWaiting();
    }

    private void RefuseAll(Exception? error)
    {
        while (NextWaiting() is { } waiter)
        {
            if (error is null)
            {
                waiter.SetResult(null);
            }
            else
            {
                waiter.SetException(error);
            }
        }
    }

    private EnvironmentWaiter? NextWaiting()
    {
        lock (_gate)
        {
            return _waiting.TryDequeue(out var waiter) ? waiter : null;
        }
    }
}

/// <summary>Where an environment went that had nothing to do.</summary>
internal enum HandedTo
{
    Idle,
    Waiter,

    /// <summary>Its pool is retired: it has to end.</summary>
    Retirement,
}
