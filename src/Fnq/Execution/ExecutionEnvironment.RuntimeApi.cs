using Fnq.Contracts;
using Fnq.Execution.RuntimeApi;

namespace Fnq.Execution;

/// <summary>What the runtime calls.</summary>
internal sealed partial class ExecutionEnvironment : IRuntimeApiSession
{
    /// <summary>Between two invocations. A runtime whose HTTP client gives up waiting does it once in a while.</summary>
    private const int MaxAbandonedNexts = 3;
    private RuntimeApiConnection? _parked;
    private int _abandonedNexts;

    ValueTask<RuntimeApiRun?> IRuntimeApiSession.NextAsync(RuntimeApiConnection connection, out Verdict verdict)
    {
        lock (_gate)
        {
            verdict = Verdict.InvalidStateTransition;
            if (connection.Generation != _generation || connection.IsClosed)
            {
                // Whoever closed it first is not parked: its closing has been heard already.
                return default;
            }

            var isFirst = _state.Runtime == RuntimeStage.Initialising;
            var effects = Advance(EnvironmentCommand.NextCalled);
            if (effects.HasFlag(EnvironmentEffects.Refuse))
            {
                return default;
            }

            verdict = Verdict.Accepted;
            if (isFirst)
            {
                _backoff.Succeeded();
            }

            if (effects.HasFlag(EnvironmentEffects.Deliver))
            {
                Begin(_run!);
                return new ValueTask<RuntimeApiRun?>(_run!.Api);
            }

            _deadline.Disarm();
            _parked = connection;
            if (effects.HasFlag(EnvironmentEffects.EndInit))
            {
                EndInit(succeeded: true, "");
            }

            return connection.Next.Begin();
        }
    }

    Verdict IRuntimeApiSession.BeginReply(ReadOnlySpan<char> requestId, out RuntimeApiRun? run)
    {
        lock (_gate)
        {
            run = _run?.Api;
            if (run is null || !requestId.Equals(run.RequestId, StringComparison.OrdinalIgnoreCase))
            {
                return Verdict.InvalidRequestId;
            }

            if (_state.Runtime == RuntimeStage.Replying)
            {
                return Verdict.ReplyUnderWay;
            }

            return Advance(EnvironmentCommand.ReplyBegun).HasFlag(EnvironmentEffects.Refuse)
                ? Verdict.InvalidStateTransition
                : Verdict.Accepted;
        }
    }

    void IRuntimeApiSession.BreakReply(RuntimeApiRun run)
    {
        lock (_gate)
        {
            if (_run?.Api == run)
            {
                Advance(EnvironmentCommand.ReplyBroken);
            }
        }
    }

    bool IRuntimeApiSession.EndReply(RuntimeApiRun run, ReplyKind kind, ReadOnlyMemory<byte> body, string? errorType)
    {
        lock (_gate)
        {
            if (_run?.Api != run || !Advance(EnvironmentCommand.ReplyEnded).HasFlag(EnvironmentEffects.CompleteRun))
            {
                return false;
            }

            _run.Ended = _services.Time.GetTimestamp();
            _run.End = kind switch
            {
                ReplyKind.Response => new RunEnd(RunOutcome.Succeeded, body),
                ReplyKind.Error => new RunEnd(RunOutcome.FunctionError, body, errorType),
                _ => new RunEnd(RunOutcome.ResponseTooLarge, body, "Function.ResponseSizeTooLarge"),
            };
            return true;
        }
    }

    void IRuntimeApiSession.PublishReply(RuntimeApiRun run) => _completion.Give(_run!);

    Verdict IRuntimeApiSession.BeginInitError(RuntimeApiConnection connection)
    {
        lock (_gate)
        {
            return connection.Generation != _generation || Advance(EnvironmentCommand.InitErrorBegun).HasFlag(EnvironmentEffects.Refuse)
                ? Verdict.InvalidStateTransition
                : Verdict.Accepted;
        }
    }

    void IRuntimeApiSession.BreakInitError(RuntimeApiConnection connection)
    {
        lock (_gate)
        {
            if (connection.Generation == _generation)
            {
                Advance(EnvironmentCommand.InitErrorBroken);
            }
        }
    }

    void IRuntimeApiSession.EndInitError(RuntimeApiConnection connection, ReadOnlyMemory<byte> body, string errorType)
    {
        lock (_gate)
        {
            if (connection.Generation == _generation && _state.Runtime == RuntimeStage.Failing)
            {
                // The runtime exits next; until then it may still write to its log.
                _initError = new RunEnd(RunOutcome.InitFailed, body, errorType);
            }
        }
    }

    /// <summary>
    /// A runtime outside of <c>next</c> is not frozen, so it does not get there for as long as it likes: it has to call
    /// again before the deadline, and one that hangs up again and again is done with. The caller holds the lock.
    /// </summary>
    private void HearAbandonedNext()
    {
        if (_state is not { Phase: EnvironmentPhase.Ready, Runtime: RuntimeStage.Settling })
        {
            return;
        }

        if (++_abandonedNexts >= MaxAbandonedNexts)
        {
            _reusable = false;
            _spent.TrySetResult();
        }
        else
        {
            _deadline.Arm(Deployment.Timeout);
        }
    }

    private RuntimeApiConnection? TakeParked()
    {
        var parked = _parked;
        _parked = null;
        return parked;
    }

    private void ConnectionClosed(RuntimeApiConnection connection)
    {
        lock (_gate)
        {
            if (_parked != connection)
            {
                return;
            }

            _parked = null;
            if (_frozen)
            {
                _sandbox.Thaw();
                _frozen = false;
            }

            Advance(EnvironmentCommand.NextAbandoned);
            HearAbandonedNext();
        }

        connection.Next.Give(null);
    }
}
