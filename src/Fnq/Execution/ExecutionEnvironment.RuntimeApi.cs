using Fnq.Contracts;
using Fnq.Execution.RuntimeApi;

namespace Fnq.Execution;

/// <summary>What the runtime calls.</summary>
internal sealed partial class ExecutionEnvironment : IRuntimeApiSession
{
    private RuntimeApiConnection? _parked;

    ValueTask<RuntimeApiRun?> IRuntimeApiSession.NextAsync(RuntimeApiConnection connection, out Verdict verdict)
    {
        lock (_gate)
        {
            verdict = Verdict.InvalidStateTransition;
            if (connection.Generation != _generation)
            {
                return default;
            }

            var effects = Advance(EnvironmentCommand.NextCalled);
            if (effects.HasFlag(EnvironmentEffects.Refuse))
            {
                return default;
            }

            verdict = Verdict.Accepted;
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

    Verdict IRuntimeApiSession.ReportInitError(ReadOnlyMemory<byte> body, string? errorType)
    {
        lock (_gate)
        {
            if (_state.Runtime != RuntimeStage.Initialising || _initError is not null)
            {
                return Verdict.InvalidStateTransition;
            }

            // The runtime exits next; until then it may still write to its log.
            _initError = new RunEnd(RunOutcome.InitFailed, body, errorType);
            return Verdict.Accepted;
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
        }

        connection.Next.Give(null);
    }
}
