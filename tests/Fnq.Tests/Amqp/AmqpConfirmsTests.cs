using Fnq.Amqp;
using Xunit;

namespace Fnq.Tests.Amqp;

public sealed class AmqpConfirmsTests
{
    private readonly AmqpConfirms _confirms = new();

    [Fact]
    public void Numbers_count_from_one() => Assert.Equal([1, 2, 3], Expect(3).Select(expected => expected.Number));

    [Fact]
    public void One_is_confirmed_by_its_number()
    {
        var expected = Expect(3);
        _confirms.Accept(2, multiple: false);
        Assert.Equal([false, true, false], expected.Select(each => each.Confirmed.IsCompletedSuccessfully));
    }

    [Theory]
    [InlineData(2, new[] { true, true, false })]
    [InlineData(0, new[] { true, true, true })]
    public void Many_are_confirmed_up_to_a_number(ulong number, bool[] confirmed)
    {
        var expected = Expect(3);
        _confirms.Accept(number, multiple: true);
        Assert.Equal(confirmed, expected.Select(each => each.Confirmed.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task What_was_returned_failed_though_the_broker_confirms_it()
    {
        var expected = Expect(1);
        _confirms.Return(1);
        _confirms.Accept(1, multiple: false);
        await Assert.ThrowsAsync<IOException>(() => expected[0].Confirmed);
    }

    [Fact]
    public async Task What_the_broker_refuses_failed()
    {
        var expected = Expect(1);
        _confirms.Refuse(1, multiple: false);
        await Assert.ThrowsAsync<IOException>(() => expected[0].Confirmed);
    }

    [Fact]
    public async Task With_the_channel_all_fail_and_nothing_more_is_expected()
    {
        var expected = Expect(2);
        _confirms.Close(new AmqpClosedException(0, "gone"));
        await Assert.ThrowsAsync<AmqpClosedException>(() => expected[0].Confirmed);
        await Assert.ThrowsAsync<AmqpClosedException>(() => expected[1].Confirmed);
        Assert.Throws<AmqpClosedException>(() => _confirms.Expect());
    }

    private List<(ulong Number, Task Confirmed)> Expect(int count) => [.. Enumerable.Range(0, count).Select(_ => _confirms.Expect())];
}
