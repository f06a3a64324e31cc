using Fnq.Execution.Sandboxes;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

public sealed class RuntimeMountsTests
{
    /// <summary>.NET starts threads of its own from any thread; they share what setns(2) wants for one thread alone.</summary>
    [Fact]
    public void A_thread_can_enter_and_leave_although_others_were_started_from_it()
    {
        using var mounts = new RuntimeMounts(hidden: null);
        using var end = new ManualResetEventSlim();
        var host = new FileInfo("/proc/self/ns/mnt").LinkTarget;
        string? inside = null, outside = null;
        Exception? failure = null;
        var entering = new Thread(() =>
        {
            try
            {
                var bystander = StartBystander(end);
                mounts.Enter();
                inside = new FileInfo("/proc/thread-self/ns/mnt").LinkTarget;
                var another = StartBystander(end);
                mounts.Leave();
                outside = new FileInfo("/proc/thread-self/ns/mnt").LinkTarget;
                end.Set();
                bystander.Join();
                another.Join();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        entering.Start();
        entering.Join();
        end.Set();
        Assert.Null(failure);
        Assert.NotEqual(host, inside);
        Assert.Equal(host, outside);
    }

    private static Thread StartBystander(ManualResetEventSlim end)
    {
        using var running = new ManualResetEventSlim();
        var thread = new Thread(() =>
        {
            running.Set();
            end.Wait();
        });
        thread.Start();
        running.Wait();
        return thread;
    }
}
