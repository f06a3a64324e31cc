using Fnq.Transport;
using Xunit;

namespace Fnq.Tests.Transport;

public sealed class ReadinessTests
{
    private readonly Readiness _readiness = new();

    [Fact]
    public void What_was_said_before_counts_once()
    {
        _readiness.Set();
        _readiness.Set();
        Assert.True(_readiness.IsCompleted);
        Assert.False(_readiness.IsCompleted);
    }

    [Fact]
    public void Who_waits_goes_on_in_the_call_that_says_it()
    {
        var threads = new List<int>();
        var waiting = LoopAsync();
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(round, threads.Count);
            _readiness.Set();
        }

        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.All(threads, thread => Assert.Equal(Environment.CurrentManagedThreadId, thread));

        async Task LoopAsync()
        {
            while (threads.Count < 3)
            {
                await _readiness;
                threads.Add(Environment.CurrentManagedThreadId);
            }
        }
    }

    /// <summary>The two meet at every point of a wait sooner or later.</summary>
    [Fact]
    public async Task Nothing_is_missed_between_two_threads()
    {
        const int Words = 200_000;
        var (said, seen) = (0, 0);
        var speaking = Task.Run(() =>
        {
            var pause = new SpinWait();
            for (var word = 1; word <= Words; word++)
            {
                Volatile.Write(ref said, word);
                _readiness.Set();
                while (word % 2 == 0 && Volatile.Read(ref seen) < word)
                {
                    pause.SpinOnce(sleep1Threshold: -1);
                }
            }
        });
        await ListenAsync().WaitAsync(TimeSpan.FromSeconds(30));
        await speaking;

        async Task ListenAsync()
        {
            while (seen < Words)
            {
                await _readiness;
                Volatile.Write(ref seen, Volatile.Read(ref said));
            }
        }
    }
}
