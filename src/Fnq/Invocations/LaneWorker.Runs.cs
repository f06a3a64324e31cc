using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>What happens to one delivery.</summary>
internal sealed partial class LaneWorker
{
    /// <summary>A wait that is too short to be told of.</summary>
    private static readonly TimeSpan SoonEnough = TimeSpan.FromMilliseconds(25);

    public async Task HandleAsync(AmqpChannel channel, AmqpMessage message, ILaneMember? member)
    {
        if (await ReadAsync(channel, message) is { } delivery)
        {
            await HandleAsync(delivery, member);
        }
    }

    /// <summary>Null of what is no request: nobody could ever run it, and so it is rejected.</summary>
    public async ValueTask<LaneDelivery?> ReadAsync(AmqpChannel channel, AmqpMessage message)
    {
        try
        {
            return LaneDelivery.From(channel, message);
        }
        catch (FormatException error)
        {
            LogUnreadable(error);
            await GuardAsync(async () => await channel.RejectAsync(message.DeliveryTag));
            return null;
        }
    }

    /// <summary>Runs a request here, or says why not. Never throws: it is called without an await.</summary>
    public async Task HandleAsync(LaneDelivery delivery, ILaneMember? member)
    {
        Interlocked.Increment(ref _running);
        try
        {
            await HandleOnceAsync(delivery, member);
            await delivery.AckAsync();
        }
        catch (Exception error) when (!delivery.Channel.IsOpen)
        {
            LogLinkLost(error); // Unacked, the broker delivers it again with its flag set, and the caller decides.
        }
        catch (Exception error)
        {
            LogRunFailed(error, delivery.Request.RequestId);
            await GuardAsync(async () =>
            {
                // Never left unacked on an open channel: its caller would wait in vain, and its consumer would get no more.
                await _replies.TellAsync(delivery, LaneTopology.Kind.Redelivered);
                await delivery.AckAsync();
            });
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task HandleOnceAsync(LaneDelivery delivery, ILaneMember? member)
    {
        switch (LaneDelivery.Decide(delivery.Redelivered, delivery.Request.StartDeadline, _time.GetUtcNow()))
        {
            case DeliveryDecision.ReportRedelivered:
                await _replies.TellAsync(delivery, LaneTopology.Kind.Redelivered);
                break;
            case DeliveryDecision.Drop:
                await _replies.AnswerAsync(delivery, InvocationResult.Of(DispatchStatus.Expired));
                break;
            default:
                await RunAsync(delivery, member);
                break;
        }
    }

    private async Task RunAsync(LaneDelivery delivery, ILaneMember? member)
    {
        var taken = member?.TryLease();
        var told = false;
        while (true)
        {
            if (taken is null)
            {
                (taken, told) = await WaitForLeaseAsync(delivery, told);
            }

            if (taken is null || await TryRunAsync(taken, delivery, told))
            {
                return;
            }

            taken = null;
        }
    }

    /// <summary>
    /// Where an environment comes at once or soon, the caller needs no word: that is the fast path. Only what waits
    /// longer is told as held, and so sent again if this worker dies.
    /// </summary>
    private async Task<(IEnvironmentLease? Lease, bool Told)> WaitForLeaseAsync(LaneDelivery delivery, bool told)
    {
        var leasing = LeaseAsync(delivery);
        if (!told && !leasing.IsCompleted)
        {
            await ((Task)leasing).WaitAsync(SoonEnough, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!leasing.IsCompleted)
            {
                await _replies.TellAsync(delivery, LaneTopology.Kind.Held);
                told = true;
            }
        }

        return (await leasing, told);
    }

    /// <summary>Record and reply before the environment is free for others, and both before the ack.</summary>
    private async Task<bool> TryRunAsync(IEnvironmentLease lease, LaneDelivery delivery, bool told)
    {
        await using (lease)
        {
            if (!delivery.Channel.IsOpen)
            {
                return true; // Its message is another's by now, and so is the answer.
            }

            try
            {
                if (told)
                {
                    await _replies.TellStartedAsync(delivery);
                }

                var result = await lease.InvokeAsync(delivery.Request, CancellationToken.None);
                await _replies.AnswerAsync(delivery, result);
            }
            catch (EnvironmentGoneException)
            {
                return false;
            }
        }

        if (lease is ILaneMember { ConsumerTag: null } free)
        {
            PutInLane(free);
        }

        return true;
    }

    /// <summary>Null when there is nothing left to do but to ack.</summary>
    private async Task<IEnvironmentLease?> LeaseAsync(LaneDelivery delivery)
    {
        if (await _deployments.FindAsync(delivery.Request.Deployment, CancellationToken.None) is not { } deployment)
        {
            await _replies.AnswerAsync(delivery, InvocationResult.Of(DispatchStatus.Gone));
            return null;
        }

        var roomMade = _cold.RoomMade;
        try
        {
            if (!_draining && await _leases.LeaseAsync(deployment, delivery.Request.StartDeadline) is { } lease)
            {
                return lease;
            }
        }
        catch (OperationCanceledException)
        {
            await _replies.AnswerAsync(delivery, InvocationResult.Of(DispatchStatus.Expired));
            return null;
        }
        catch (EnvironmentStartException)
        {
            await _replies.AnswerAsync(delivery, InvocationResult.Of(DispatchStatus.Unavailable));
            return null;
        }

        await StayOutAsync(deployment.Id, roomMade);
        await _replies.HandBackAsync(delivery);
        return null;
    }

    /// <summary>No room and no environment: out of the lane before the message goes back, or it would come straight here again.</summary>
    private async Task StayOutAsync(DeploymentId deployment, long roomMade)
    {
        await _cold.PauseAsync(roomMade);
        if (_lanes.TryGetValue(deployment, out var opening) && !HasMembers(deployment))
        {
            await GuardAsync(async () => await GiveUpAsync(await opening));
        }
    }
}
