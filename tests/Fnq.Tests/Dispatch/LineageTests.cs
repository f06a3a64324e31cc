using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Functions;
using Xunit;

namespace Fnq.Tests.Dispatch;

public sealed class LineageTests
{
    private const string Root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    private static readonly FunctionKey Function = new("123456789012", "us-east-1", "loop");

    [Theory]
    [InlineData(Root, null)]
    [InlineData(Root + ";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:2d8c5b6e:7", 7)]
    [InlineData(Root + ";Lineage=a87bd80c:0,68fd508a:5,c512fbe3:2", 2)]
    [InlineData(Root + ";lineage=1:2d8c5b6e:7", 7)]
    [InlineData(Root + ";Lineage=1:2d8c5b6e:-7", null)]
    [InlineData(Root + ";Lineage=", null)]
    [InlineData(Root + ";Lineage=1:2d8c5b6e:99999999999999999999", null)]
    public void Reads_the_hops_of_a_trace(string trace, int? hops) => Assert.Equal(hops, Lineage.HopsOf(trace));

    [Fact]
    public void Writes_what_it_reads_and_keeps_the_rest()
    {
        var once = Lineage.Write(Root + ";Parent=53995c3f42cd8ad8;Sampled=0", Function, 3);
        var twice = Lineage.Write(once, Function, 4);

        Assert.StartsWith(Root + ";Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:", once, StringComparison.Ordinal);
        Assert.Equal((3, 4, once.Length), (Lineage.HopsOf(once), Lineage.HopsOf(twice), twice.Length));
        Assert.True(InvokeHeaders.IsTrace(twice));
    }

    [Theory]
    [InlineData(null, null, 0)] // a user
    [InlineData(3, null, 4)] // a user's key inside a function
    [InlineData(null, 0, 1)] // a function that was called from outside
    [InlineData(5, 5, 6)]
    [InlineData(0, 5, 6)] // a function that lies
    [InlineData(null, 5, 6)] // a function that strips the header
    public void A_function_makes_the_chain_longer_whatever_it_says(int? said, int? running, int hop) => Assert.Equal(hop, Lineage.Next(said, running));

    [Fact]
    public void Running_hops_are_known_while_they_run()
    {
        var hops = new RunningHops();
        using (hops.Enter(Function, 0))
        using (hops.Enter(Function, 2))
        using (hops.Enter(Function, 7))
        {
            Assert.Equal(7, hops.DeepestOf(Function));
            Assert.Equal(0, hops.DeepestOf(Function with { Name = "other" }));
        }

        Assert.Equal(0, hops.DeepestOf(Function));
    }
}
