using System.Net;
using Fnq.Telemetry;
using Xunit;

namespace Fnq.Tests.Telemetry;

public sealed class AuditLogTests
{
    private readonly LogLines _lines = new();

    [Fact]
    public void Writes_one_event_with_a_member_for_each_fact()
    {
        new AuditLog(_lines).Refused(new RefusedRequest
        {
            RequestId = "r-1", Status = 403, Error = "InvalidSignatureException", Service = "lambda", Operation = "InvokeFunction",
            AccessKeyId = "AKID", Method = "POST", Path = "/2015-03-31/functions", Source = IPAddress.Loopback,
        });
        var written = Assert.Single(_lines.All);
        Assert.Equal(("Fnq.Audit", 1300), (written.Category, written.Id));
        Assert.Equal(
            "Refused lambda InvokeFunction (POST /2015-03-31/functions) of key AKID from 127.0.0.1: 403 InvalidSignatureException, request r-1", written.Text);
        Assert.Equal(
            ["AccessKeyId", "Error", "Method", "Operation", "Path", "RequestId", "Service", "Source", "Status"],
            written.Members.Keys.Where(name => name[0] != '{').Order());
    }

    [Theory]
    [InlineData("a\r\nRefused lambda", "a??Refused?lambda")]
    [InlineData("\u001b[2J", "?[2J")]
    [InlineData("ü\u202e\u2028", "???")]
    [InlineData("", "-")]
    public void No_value_can_end_its_line_or_steer_a_terminal(string given, string written)
    {
        new AuditLog(_lines).Refused(new RefusedRequest { RequestId = "r", Status = 400, Error = "e", Path = given, AccessKeyId = given, Method = given });
        Assert.Contains($"({written} {written}) of key {written} from", Assert.Single(_lines.All).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_is_cut() => Assert.Equal(256, AuditLog.Clean(new string('a', 8_000)).Length);
}
