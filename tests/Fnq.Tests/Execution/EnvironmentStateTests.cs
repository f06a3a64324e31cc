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
}
