using CsCheck;
using Fnq.Execution;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class EnvironmentStateTests
{
    [Fact]
    public void A_run_goes_from_next_to_next()
    {
        var state = EnvironmentState.Initial;
        Assert.Equal(EnvironmentEffects.None, Go(EnvironmentCommand.ProcessStarted));
        Assert.Equal(EnvironmentEffects.ParkNext | EnvironmentEffects.EndInit, Go(EnvironmentCommand.NextCalled));
        Assert.Equal(EnvironmentEffects.Deliver, Go(EnvironmentCommand.InvokeRequested));
        Assert.Equal(EnvironmentEffects.Refuse, Go(EnvironmentCommand.NextCalled));
        Assert.Equal(EnvironmentEffects.None, Go(EnvironmentCommand.ReplyBegun));
        Assert.Equal(EnvironmentEffects.Refuse, Go(EnvironmentCommand.ReplyBegun));
        Assert.Equal(EnvironmentEffects.CompleteRun, Go(EnvironmentCommand.ReplyEnded));
        Assert.Equal(EnvironmentPhase.Ready, state.Phase);
        Assert.Equal(EnvironmentEffects.None, Go(EnvironmentCommand.InvokeRequested));
        Assert.Equal(EnvironmentEffects.Deliver, Go(EnvironmentCommand.NextCalled));

        EnvironmentEffects Go(EnvironmentCommand command)
        {
            (state, var effects) = state.Apply(command);
            return effects;
        }
    }

    /// <summary>Whatever comes in whatever order: each accepted run is completed once, never twice, and none after the end.</summary>
    [Fact]
    public void Every_accepted_run_is_completed_exactly_once()
    {
        Gen.Enum<EnvironmentCommand>().Array[0, 60].Sample(commands =>
        {
            var state = EnvironmentState.Initial;
            var (inRun, initEnded, drained) = (false, false, false);
            foreach (var command in commands.Append(EnvironmentCommand.SandboxEnded))
            {
                (state, var effects) = state.Apply(command);
                if (command == EnvironmentCommand.InvokeRequested && !effects.HasFlag(EnvironmentEffects.Refuse))
                {
                    Assert.False(inRun);
                    inRun = true;
                }

                if (effects.HasFlag(EnvironmentEffects.CompleteRun))
                {
                    Assert.True(inRun);
                    inRun = false;
                }

                Assert.Equal(inRun, state.Phase == EnvironmentPhase.Busy);
                Assert.False(drained && (effects & (EnvironmentEffects.StartProcess | EnvironmentEffects.Deliver)) != 0);
                drained |= state.IsOver;
                initEnded |= effects.HasFlag(EnvironmentEffects.EndInit);
            }

            Assert.True(state.IsOver);
            Assert.False(inRun);
        });
    }

    [Fact]
    public void What_is_refused_changes_nothing_and_what_is_over_stays_over() => Sample((before, _, after, effects) =>
    {
        if (effects.HasFlag(EnvironmentEffects.Refuse))
        {
            Assert.Equal((EnvironmentEffects.Refuse, before), (effects, after));
        }

        Assert.True(after.IsOver || !before.IsOver);
        Assert.False(before.Phase is EnvironmentPhase.Stopped or EnvironmentPhase.Faulted && after.Phase != before.Phase);
    });

    [Fact]
    public void Events_go_to_who_waits_and_processes_start_where_none_is() => Sample((before, command, after, effects) =>
    {
        if (effects.HasFlag(EnvironmentEffects.Deliver))
        {
            Assert.True(command is EnvironmentCommand.InvokeRequested or EnvironmentCommand.NextCalled);
            Assert.Equal(new EnvironmentState(EnvironmentPhase.Busy, RuntimeStage.Running), after);
        }

        Assert.Equal(effects.HasFlag(EnvironmentEffects.ParkNext), after.Runtime == RuntimeStage.Idle && before.Runtime != RuntimeStage.Idle);
        if ((effects & (EnvironmentEffects.StartProcess | EnvironmentEffects.KillProcesses)) != 0)
        {
            Assert.Equal(RuntimeStage.Absent, after.Runtime);
        }

        // Nobody else's answer is taken: a reply only counts while an event is out.
        Assert.True(
            command is not EnvironmentCommand.ReplyEnded || effects.HasFlag(EnvironmentEffects.Refuse) || before.Runtime == RuntimeStage.Replying);
        Assert.False(after.Phase == EnvironmentPhase.Ready && after.Runtime is RuntimeStage.Running or RuntimeStage.Replying);
    });

    /// <summary>No runtime makes the platform start it over and over: invocations and hang-ups, which are counted, pay for each start.</summary>
    [Fact]
    public void Starts_are_bounded_by_what_asked_for_them() =>
        Gen.Enum<EnvironmentCommand>().Array[0, 200].Sample(commands =>
        {
            var state = EnvironmentState.Initial;
            var (allowed, starts) = (0, 0);
            foreach (var command in commands)
            {
                var isHangUp = command == EnvironmentCommand.NextAbandoned && state.Runtime == RuntimeStage.Idle;
                (state, var effects) = state.Apply(command);
                allowed += isHangUp ? 1 : command == EnvironmentCommand.InvokeRequested && !effects.HasFlag(EnvironmentEffects.Refuse) ? 2 : 0;
                starts += effects.HasFlag(EnvironmentEffects.StartProcess) ? 1 : 0;
                Assert.InRange(starts, 0, allowed);
            }
        });

    /// <summary>Whatever happened before, an environment that is not over can still serve.</summary>
    [Fact]
    public void No_sequence_leads_into_a_dead_end() =>
        Gen.Enum<EnvironmentCommand>().Where(command => command is not (EnvironmentCommand.DrainRequested or EnvironmentCommand.SandboxEnded))
            .Array[0, 60].Sample(commands =>
        {
            var state = EnvironmentState.Initial;
            var completed = false;
            foreach (var command in commands.Concat(
                [EnvironmentCommand.ProcessExited, EnvironmentCommand.InvokeRequested, EnvironmentCommand.ProcessStarted, EnvironmentCommand.NextCalled,
                 EnvironmentCommand.ReplyBegun, EnvironmentCommand.ReplyEnded]))
            {
                (state, var effects) = state.Apply(command);
                completed = effects.HasFlag(EnvironmentEffects.CompleteRun);
            }

            Assert.True(completed);
            Assert.Equal(new EnvironmentState(EnvironmentPhase.Ready, RuntimeStage.Settling), state);
        });

    /// <summary>Every step of any sequence of commands.</summary>
    private static void Sample(Action<EnvironmentState, EnvironmentCommand, EnvironmentState, EnvironmentEffects> check) =>
        Gen.Enum<EnvironmentCommand>().Array[0, 60].Sample(commands =>
        {
            var state = EnvironmentState.Initial;
            foreach (var command in commands)
            {
                var before = state;
                (state, var effects) = state.Apply(command);
                check(before, command, state, effects);
            }
        });
}
