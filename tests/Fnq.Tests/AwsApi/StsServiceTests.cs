using System.Text;
using System.Xml.Linq;
using Xunit;

namespace Fnq.Tests.AwsApi;

public sealed class StsServiceTests
{
    private static readonly XNamespace Xmlns = "https://sts.amazonaws.com/doc/2011-06-15/";
    private readonly FrontSample _front = new();

    [Fact]
    public async Task Says_who_the_caller_is()
    {
        var answer = await SendAsync("Action=GetCallerIdentity&Version=2011-06-15");

        var result = XElement.Parse(answer.Body).Element(Xmlns + "GetCallerIdentityResult")!;
        Assert.Equal((200, "text/xml"), (answer.Status, answer.Headers.ContentType.ToString()));
        Assert.Equal(
            ["Arn=arn:aws:iam::123456789012:user/fnq", "UserId=AIDAEXAMPLEEXAMPLEEXA", "Account=123456789012"],
            result.Elements().Select(member => $"{member.Name.LocalName}={member.Value}"));
        Assert.Contains($"<RequestId>{answer.Headers["x-amzn-RequestId"]}</RequestId>", answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Action=AssumeNothing", 400, "InvalidAction")]
    [InlineData("Action=%01%3Cx%3E", 400, "InvalidAction")]
    [InlineData("", 400, "MissingAction")]
    [InlineData("Version=2011-06-15", 400, "MissingAction")]
    public async Task Refuses_other_actions(string form, int status, string code) => AssertError(await SendAsync(form), status, code);

    [Fact]
    public async Task Names_signature_faults_as_the_query_protocol_does()
    {
        var answer = await _front.SendAsync("POST", "/", service: "sts", bend: http => http.Request.Method = "PUT");

        AssertError(answer, 403, "SignatureDoesNotMatch");
    }

    [Fact]
    public async Task Refuses_a_large_body() => AssertError(await SendAsync(new string('a', 65537)), 413, "RequestEntityTooLarge");

    private static void AssertError(Answer answer, int status, string code)
    {
        var document = XElement.Parse(answer.Body);
        var error = document.Element(Xmlns + "Error")!;
        Assert.Equal((status, Xmlns + "ErrorResponse"), (answer.Status, document.Name));
        Assert.Equal(("Sender", code), (error.Element(Xmlns + "Type")!.Value, error.Element(Xmlns + "Code")!.Value));
        Assert.NotEmpty(document.Element(Xmlns + "RequestId")!.Value);
    }

    private Task<Answer> SendAsync(string form) => _front.SendAsync("POST", "/", Encoding.UTF8.GetBytes(form), "sts");
}
