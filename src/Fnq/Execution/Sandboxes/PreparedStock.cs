namespace Fnq.Execution.Sandboxes;

/// <summary>
/// Sandboxes made ahead of need, a few for each root file system that was asked for lately. They hold nothing of
/// anybody; each is given out once and never comes back.
/// </summary>
internal sealed class PreparedStock<TSandbox>(
    PreparedStockOptions options, Func<RootFileSystem, Task<TSandbox?>> make, Func<TSandbox, bool> standsBy, TimeProvider time) : IAsyncDisposable
    where TSandbox : class, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<RootFileSystem, Shelf> _shelves = [];
    private readonly CancellationTokenSource _closing = new();
    private Task _filling = Task.CompletedTask;
    private bool _isFilling;
    private int _starts;
    private long _quietSince;

    internal List<TSandbox> Ready()
    {
        lock (_gate)
        {
            return [.. _shelves.Values.SelectMany(s => s.Ready)];
        }
    }

    /// <summary>Takes one that stands by; whoever has ended meanwhile is let go of.</summary>
    internal TSandbox? TryTake(RootFileSystem root)
    {
        while (Next(root) is { } sandbox)
        {
            if (standsBy(sandbox))
            {
                return sandbox;
            }
            _ = sandbox.DisposeAsync().AsTask();
        }
        return null;
    }

    /// <summary>Somebody will need it, or just did.</summary>
    internal void Expect(RootFileSystem root)
    {
        lock (_gate)
        {
            ShelfOf(root).AskedAt = time.GetTimestamp();
        }
        Fill();
    }

    /// <summary>While real starts are under way nothing is made ahead.</summary>
    internal void StartBegun()
    {
        lock (_gate)
        {
            _starts++;
        }
    }

    internal void StartEnded(RootFileSystem root)
    {
        lock (_gate)
        {
            _starts--;
            _quietSince = time.GetTimestamp();
        }
        Expect(root);
    }

    /// <summary>Ends what nobody asked for lately, and what has ended on its own.</summary>
    internal async Task TendAsync()
    {
        var over = new List<TSandbox>();
        lock (_gate)
        {
            foreach (var (root, shelf) in _shelves.ToList())
            {
                var wanted = IsWanted(shelf);
                for (var count = shelf.Ready.Count; count > 0; count--)
                {
                    var sandbox = shelf.Ready.Dequeue();
                    if (wanted && standsBy(sandbox))
                    {
                        shelf.Ready.Enqueue(sandbox);
                    }
                    else
                    {
                        over.Add(sandbox);
                    }
                }
                if (!wanted)
                {
                    _shelves.Remove(root);
                }
            }
        }
        await DisposeAllAsync(over);
        Fill();
    }

    public async ValueTask DisposeAsync()
    {
        List<TSandbox> left;
        lock (_gate)
        {
            _closing.Cancel();
            left = Ready();
            _shelves.Clear();
        }
        await _filling;
        await DisposeAllAsync(left);
    }

    private TSandbox? Next(RootFileSystem root)
    {
        lock (_gate)
        {
            return _shelves.TryGetValue(root, out var shelf) && shelf.Ready.TryDequeue(out var sandbox) ? sandbox : null;
        }
    }

    private void Fill()
    {
        lock (_gate)
        {
            if (!_isFilling && options.PerRoot > 0 && !_closing.IsCancellationRequested)
            {
                _isFilling = true;
                _filling = FillAsync();
            }
        }
    }

    private async Task FillAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (NextToMake(out var wait) is { } root)
        {
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, time, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }
            if (await make(root) is not { } made)
            {
                // No room, or this host cannot: the next start asks again.
                Stop();
                return;
            }
            if (!TryAdd(root, made))
            {
                await made.DisposeAsync();
            }
        }
    }

    /// <summary>Decides under the gate whether to go on, so that nobody who asks meanwhile is forgotten.</summary>
    private RootFileSystem? NextToMake(out TimeSpan wait)
    {
        lock (_gate)
        {
            wait = _quietSince == 0 ? TimeSpan.Zero : options.Quiet - time.GetElapsedTime(_quietSince);
            if (_starts == 0 && !_closing.IsCancellationRequested)
            {
                foreach (var (root, shelf) in _shelves)
                {
                    if (shelf.Ready.Count < options.PerRoot && IsWanted(shelf))
                    {
                        return root;
                    }
                }
            }
            _isFilling = false;
            return null;
        }
    }

    private bool TryAdd(RootFileSystem root, TSandbox made)
    {
        lock (_gate)
        {
            if (_closing.IsCancellationRequested || !_shelves.TryGetValue(root, out var shelf))
            {
                return false;
            }
            shelf.Ready.Enqueue(made);
            return true;
        }
    }

    private void Stop()
    {
        lock (_gate)
        {
            _isFilling = false;
        }
    }

    private bool IsWanted(Shelf shelf) => time.GetElapsedTime(shelf.AskedAt) < options.KeptFor;

    private Shelf ShelfOf(RootFileSystem root)
    {
        if (!_shelves.TryGetValue(root, out var shelf))
        {
            _shelves.Add(root, shelf = new Shelf());
        }
        return shelf;
    }

    private static Task DisposeAllAsync(IEnumerable<TSandbox> sandboxes) => Task.WhenAll(sandboxes.Select(s => s.DisposeAsync().AsTask()));

    private sealed class Shelf
    {
        public Queue<TSandbox> Ready { get; } = new();
        public long AskedAt { get; set; }
    }
}

/// <param name="PerRoot">How many are kept for one root file system.</param>
/// <param name="Quiet">Time without a real start before one is made.</param>
/// <param name="KeptFor">How long a root file system counts as asked for lately.</param>
internal sealed record PreparedStockOptions(int PerRoot, TimeSpan Quiet, TimeSpan KeptFor);

/// <summary>A root file system as it is now: one that is installed again under the same path is another.</summary>
internal sealed record RootFileSystem(string Path, DateTime MadeAt)
{
    internal static RootFileSystem At(string path) => new(path, Directory.GetCreationTimeUtc(path));
}
