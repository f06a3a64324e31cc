using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class PreparedStockTests : IAsyncDisposable
{
    private static readonly RootFileSystem Python = new("/python", DateTime.UnixEpoch);
    private static readonly RootFileSystem Node = new("/node", DateTime.UnixEpoch);
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(250);

    private readonly FakeTimeProvider _time = new();
    private readonly List<Slot> _made = [];
    private readonly PreparedStock<Slot> _stock;
    private readonly SemaphoreSlim _refused = new(0);
    private bool _hasRoom = true;

    public PreparedStockTests() =>
        _stock = new(new(PerRoot: 2, Quiet, KeptFor: TimeSpan.FromMinutes(10)), MakeAsync, slot => slot.StandsBy, _time);

    [Fact]
    public async Task What_is_expected_is_made_and_given_out_once()
    {
        _stock.Expect(Python);
        await MadeAsync(2);
        Assert.Null(_stock.TryTake(Node));
        Assert.Equal([_made[0], _made[1], null], [_stock.TryTake(Python), _stock.TryTake(Python), _stock.TryTake(Python)]);
    }

    [Fact]
    public async Task Nothing_is_made_while_a_start_is_under_way_nor_right_after_it()
    {
        _stock.StartBegun();
        _stock.StartBegun();
        _stock.Expect(Python);
        _stock.StartEnded(Python);
        await IdleAsync();
        _time.Advance(Quiet * 2);
        await IdleAsync();
        Assert.Empty(_made);

        _stock.StartEnded(Python);
        await IdleAsync();
        Assert.Empty(_made);
        await MadeAsync(2, Quiet);
    }

    [Fact]
    public async Task What_was_taken_is_made_again()
    {
        _stock.Expect(Python);
        await MadeAsync(2);
        _stock.StartBegun();
        Assert.NotNull(_stock.TryTake(Python));
        _stock.StartEnded(Python);
        await MadeAsync(3, Quiet);
    }

    [Fact]
    public async Task One_that_has_ended_is_not_given_out()
    {
        _stock.Expect(Python);
        await MadeAsync(2);
        _made[0].StandsBy = false;
        Assert.Same(_made[1], _stock.TryTake(Python));
        Assert.True(_made[0].IsDisposed);
    }

    [Fact]
    public async Task What_nobody_asked_for_lately_ends()
    {
        _stock.Expect(Python);
        await MadeAsync(2);
        _time.Advance(TimeSpan.FromMinutes(9));
        _stock.Expect(Node);
        await MadeAsync(4);
        _time.Advance(TimeSpan.FromMinutes(2));
        await _stock.TendAsync();
        Assert.Equal([true, true, false, false], _made.Select(s => s.IsDisposed));
        Assert.Null(_stock.TryTake(Python));
        Assert.NotNull(_stock.TryTake(Node));
    }

    [Fact]
    public async Task A_root_file_system_that_was_installed_again_is_another()
    {
        _stock.Expect(Python);
        await MadeAsync(2);
        Assert.Null(_stock.TryTake(Python with { MadeAt = DateTime.UnixEpoch.AddDays(1) }));
    }

    [Fact]
    public async Task Without_room_it_waits_for_the_next_start()
    {
        _hasRoom = false;
        _stock.Expect(Python);
        Assert.True(await _refused.WaitAsync(TimeSpan.FromSeconds(10)));
        await IdleAsync();
        _hasRoom = true;
        await IdleAsync();
        Assert.Empty(_made);

        // A start while it still gives up the last try is not heard.
        await MadeAsync(2, meanwhile: () => _stock.Expect(Python));
    }

    [Fact]
    public async Task Closing_ends_all_and_makes_no_more()
    {
        _stock.Expect(Python);
        await MadeAsync(2);
        await _stock.DisposeAsync();
        _stock.Expect(Python);
        await IdleAsync();
        Assert.Equal([true, true], _made.Select(s => s.IsDisposed));
    }

    public async ValueTask DisposeAsync()
    {
        await _stock.DisposeAsync();
        _refused.Dispose();
    }

    private Task<Slot?> MakeAsync(RootFileSystem root)
    {
        if (!_hasRoom)
        {
            _refused.Release();
            return Task.FromResult<Slot?>(null);
        }
        var slot = new Slot();
        lock (_made)
        {
            _made.Add(slot);
        }
        return Task.FromResult<Slot?>(slot);
    }

    /// <summary>Until so many were ever made; time passes only by <paramref name="step"/>.</summary>
    private async Task MadeAsync(int count, TimeSpan step = default, Action? meanwhile = null)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (_made.Count < count)
        {
            patience.Token.ThrowIfCancellationRequested();
            _time.Advance(step);
            meanwhile?.Invoke();
            // A turn for the stock: a loop that never rests lets minutes pass between two of its steps, and nobody asked lately.
            await Task.Delay(1, patience.Token);
        }
        await IdleAsync();
        Assert.Equal(count, _made.Count);
    }

    /// <summary>Whatever it does in the background now has had its turn.</summary>
    private static async Task IdleAsync()
    {
        for (var turn = 0; turn < 100; turn++)
        {
            await Task.Yield();
        }
    }

    private sealed class Slot : IAsyncDisposable
    {
        public bool StandsBy { get; set; } = true;
        public bool IsDisposed { get; private set; }

        public ValueTask DisposeAsync()
        {
            IsDisposed = true;
            return ValueTask.CompletedTask;
        }
    }
}
