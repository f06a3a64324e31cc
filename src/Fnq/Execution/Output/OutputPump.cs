using System.Collections.Concurrent;
using Fnq.Transport;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Output;

/// <summary>One thread that empties the output pipes of all environments of the worker, so that no function ever blocks on one.</summary>
internal sealed class OutputPump : IDisposable
{
    /// <summary>No environment holds the thread for longer than this many bytes at a time.</summary>
    private const int MaxBytesPerTurn = 1024 * 1024;
    private const int EventsMax = 64;
    private const long StopToken = 0;

    /// <summary>
    /// Between two looks at a flood: what the worker spends on it is in no function's CPU share. A wide pipe holds what
    /// is written meanwhile, and others wait no longer than this for their turn.
    /// </summary>
    private static readonly TimeSpan FloodPause = TimeSpan.FromMilliseconds(1);
    private readonly ConcurrentDictionary<long, EnvironmentLog> _logs = new();
    private readonly SafeFileHandle _epoll = Epoll.Create();
    private readonly SafeFileHandle _stop = PipeCalls.CreateEvent();
    private readonly ManualResetEvent _stopping = new(false);
    private readonly Thread _thread;
    private long _lastToken;

    public OutputPump()
    {
        Epoll.Add(_epoll, _stop, EpollEvents.Readable, StopToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "fnq output" };
        _thread.Start();
    }

    public long Register(EnvironmentLog log)
    {
        var token = Interlocked.Increment(ref _lastToken);
        _logs[token] = log;
        Epoll.Add(_epoll, log.Output, EpollEvents.Readable, token);
        return token;
    }

    /// <summary>To be called before the pipe is closed.</summary>
    public void Unregister(long token)
    {
        if (_logs.TryRemove(token, out var log))
        {
            Epoll.Remove(_epoll, log.Output);
        }
    }

    public void Dispose()
    {
        _stopping.Set();
        PipeCalls.Signal(_stop);
        _thread.Join();
        _epoll.Dispose();
        _stop.Dispose();
        _stopping.Dispose();
    }

    private void Run()
    {
        Span<byte> buffer = stackalloc byte[EventsMax * Epoll.EventBytesMax];
        Span<EpollHappening> happened = stackalloc EpollHappening[EventsMax];
        while (true)
        {
            var flooded = false;
            var count = Epoll.Wait(_epoll, buffer, happened);
            for (var i = 0; i < count; i++)
            {
                if (happened[i].Token == StopToken)
                {
                    return;
                }

                if (!_logs.TryGetValue(happened[i].Token, out var log))
                {
                    continue;
                }

                if (!log.Drain(MaxBytesPerTurn))
                {
                    // Every writer has closed the pipe; it would be readable for ever.
                    Unregister(happened[i].Token);
                }

                flooded |= log.Flooded;
            }

            if (flooded)
            {
                _stopping.WaitOne(FloodPause);
            }
        }
    }
}
