using Fnq.Contracts;
using Xunit;

namespace Fnq.Tests.Dispatch;

public sealed class RandomIdsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 25, 12, 0, 0, 1, TimeSpan.Zero);

    [Fact]
    public void They_are_uuids_of_their_version()
    {
        Assert.Equal((4, 0b10), (RandomIds.New().Version, RandomIds.New().Variant >> 2));
        Assert.Equal((7, 0b10), (RandomIds.New(Noon).Version, RandomIds.New(Noon).Variant >> 2));
    }

    [Fact]
    public void A_v7_begins_with_its_time_as_dotnet_writes_it() =>
        Assert.Equal(Guid.CreateVersion7(Noon).ToString("N")[..12], RandomIds.New(Noon).ToString("N")[..12]);

    [Fact]
    public void No_two_are_alike_on_any_thread()
    {
        const int each = 20_000;
        var made = Enumerable.Range(0, 8).AsParallel().WithDegreeOfParallelism(8)
            .SelectMany(_ => Enumerable.Range(0, each).Select(i => i % 2 == 0 ? RandomIds.New() : RandomIds.New(Noon))).ToList();
        Assert.Equal(8 * each, made.Distinct().Count());
    }

    [Fact]
    public void Every_random_bit_is_used()
    {
        var (ones, zeros) = (new byte[16], new byte[16]);
        for (var i = 0; i < 1_000; i++)
        {
            var bytes = RandomIds.New().ToByteArray(bigEndian: true);
            for (var at = 0; at < bytes.Length; at++)
            {
                ones[at] |= bytes[at];
                zeros[at] |= (byte)~bytes[at];
            }
        }

        Assert.Equal("FFFFFFFFFFFF4FFFBFFFFFFFFFFFFFFF", Convert.ToHexString(ones));
        Assert.Equal("FFFFFFFFFFFFBFFF7FFFFFFFFFFFFFFF", Convert.ToHexString(zeros));
    }
}
