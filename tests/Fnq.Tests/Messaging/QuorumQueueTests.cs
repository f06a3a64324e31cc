using System.Text;
using Fnq.Messaging;
using Xunit;

namespace Fnq.Tests.Messaging;

public sealed class QuorumQueueTests
{
    [Theory]
    [InlineData("3.10.8", false)]
    [InlineData("3.13.7", false)]
    [InlineData("4.0.5", true)]
    [InlineData("4.1.0-rc.1", true)]
    public void Only_a_broker_that_has_a_default_delivery_limit_is_told_to_have_none(string version, bool told)
    {
        var server = QuorumQueue.ServerVersion(new Dictionary<string, object?> { ["version"] = Encoding.UTF8.GetBytes(version) });

        Assert.Equal(told, QuorumQueue.Arguments(server).ContainsKey("x-delivery-limit"));
    }
}
