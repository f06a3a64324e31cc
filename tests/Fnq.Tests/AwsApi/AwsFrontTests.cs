using Xunit;

namespace Fnq.Tests.AwsApi;

public sealed class AwsFrontTests
{
    private const string Invoke = "/functions/hello/invocations";
    private readonly FrontSample _front = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Hands_over_a_proven_request(bool isChunked)
    {
        var answer = await _front.SendAsync("POST", "/functions/arn%3Aaws%2Fx%24LATEST/invocations/?a=1", [1, 2, 3], isChunked: isChunked);

        Assert.Equal((200, """{"Name":"arn:aws/x$LATEST"}"""), (answer.Status, answer.Body));
        Assert.Equal("application/json", answer.Headers.ContentType);
        var request = _front.Request!;
        Assert.Equal(request.RequestId.ToString(), answer.Headers["x-amzn-RequestId"]);
        Assert.Equal(("eu-west-1", "123456789012"), (request.Region, request.Caller.AccountId));
        Assert.Equal([1, 2, 3], request.Body.ToArray());
    }

    [Fact]
    public async Task Refuses_unsigned_and_wrongly_signed_requests_in_words_of_AWS()
    {
        var unsigned = await _front.SendAsync("POST", Invoke, bend: http => http.Request.Headers.Remove("Authorization"));
        Assert.Equal((403, "MissingAuthenticationTokenException"), (unsigned.Status, unsigned.ErrorType));
        Assert.Equal("""{"message":"Missing Authentication Token"}""", unsigned.Body);
        Assert.NotEmpty(unsigned.Headers["x-amzn-RequestId"].ToString());

        var wrong = await _front.SendAsync("POST", Invoke, bend: http => http.Request.Method = "PUT");
        Assert.Equal((403, "InvalidSignatureException"), (wrong.Status, wrong.ErrorType));

        var unknown = await _front.SendAsync("POST", Invoke, bend: http =>
            http.Request.Headers.Authorization = http.Request.Headers.Authorization.ToString().Replace("AKIDEXAMPLE", "AKIDNOBODY", StringComparison.Ordinal));
        Assert.Equal((403, "UnrecognizedClientException"), (unknown.Status, unknown.ErrorType));
        Assert.Null(_front.Request);
    }

    [Fact]
    public async Task Proves_the_signature_before_it_says_that_a_service_is_unknown()
    {
        var unknown = await _front.SendAsync("POST", Invoke, service: "braket");
        Assert.Equal((404, "UnknownOperationException"), (unknown.Status, unknown.ErrorType));

        var changed = await _front.SendAsync("POST", Invoke, bend: http =>
            http.Request.Headers.Authorization = http.Request.Headers.Authorization.ToString().Replace("/lambda/", "/lambdb/", StringComparison.Ordinal));
        Assert.Equal((403, "InvalidSignatureException"), (changed.Status, changed.ErrorType));
    }

    [Fact]
    public async Task Takes_a_body_up_to_the_limit_and_reads_no_byte_of_an_announced_larger_one()
    {
        Assert.Equal(200, (await _front.SendAsync("POST", Invoke, new byte[FrontSample.Limit])).Status);

        var stream = new MemoryStream(new byte[FrontSample.Limit + 1]);
        var answer = await _front.SendAsync("POST", Invoke, new byte[FrontSample.Limit + 1], stream: stream);
        Assert.Equal((413, "RequestEntityTooLargeException", """{"message":"101 bytes"}"""), (answer.Status, answer.ErrorType, answer.Body));
        Assert.Equal(0, stream.Position);
    }

    [Fact]
    public async Task Stops_reading_an_endless_body_at_the_limit()
    {
        Assert.Equal(200, (await _front.SendAsync("POST", Invoke, new byte[FrontSample.Limit], isChunked: true)).Status);

        var stream = new MemoryStream(new byte[100_000]);
        var answer = await _front.SendAsync("POST", Invoke, isChunked: true, stream: stream);
        Assert.Equal((413, """{"message":"101 bytes"}"""), (answer.Status, answer.Body));
        Assert.Equal(FrontSample.Limit + 1, stream.Position);
    }

    [Theory]
    [InlineData("/functions/%/invocations")]
    [InlineData("/functions/%zz")]
    [InlineData("/functions/%00/invocations")]
    [InlineData("/functions/%ff/invocations")]
    [InlineData("/functions/a b")]
    [InlineData("http://other/functions/a")]
    [InlineData("*")]
    public async Task Answers_a_malformed_target_with_400(string target) =>
        Assert.Equal(400, (await _front.SendAsync("POST", target)).Status);

    [Theory]
    [InlineData("POST", "/")]
    [InlineData("POST", "/functions//invocations")]
    [InlineData("POST", "/functions/a/b/invocations")]
    [InlineData("DELETE", "/functions/a/invocations")]
    [InlineData("POST", "/functions/a%2Finvocations")]
    [InlineData("POST", "/x/../functions/a/invocations")]
    [InlineData("GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19")]
    public async Task Answers_an_unknown_path_with_404(string method, string target)
    {
        var answer = await _front.SendAsync(method, target);

        Assert.Equal((404, "UnknownOperationException"), (answer.Status, answer.ErrorType));
    }

    [Fact]
    public async Task Tells_nothing_of_its_own_failures()
    {
        var answer = await _front.SendAsync("GET", "/broken");
        Assert.Equal((500, "ServiceException"), (answer.Status, answer.ErrorType));
        Assert.Equal("""{"Type":"Service","Message":"The service encountered an internal error."}""", answer.Body);

        Assert.Equal(408, (await _front.SendAsync("GET", "/cut")).Status);
    }

    [Fact]
    public async Task A_body_that_ends_early_is_a_bad_request() =>
        Assert.Equal(400, (await _front.SendAsync("POST", Invoke, new byte[10], stream: new MemoryStream(new byte[5]))).Status);

    [Fact]
    public async Task Writes_one_audit_line_for_a_refusal_and_none_for_what_is_served()
    {
        await _front.SendAsync("POST", Invoke);
        Assert.Empty(_front.Lines.All);

        await _front.SendAsync("POST", $"{Invoke}?secret=1", bend: http => http.Request.Method = "GET\r\n");
        await _front.SendAsync("POST", Invoke, new byte[FrontSample.Limit + 1]);
        await _front.SendAsync("POST", Invoke, bend: http => http.Request.Headers.Remove("Authorization"));
        Assert.Equal(
            [
                "Refused lambda - (GET?? /functions/hello/invocations) of key AKIDEXAMPLE from : 403 InvalidSignatureException",
                "Refused lambda InvokeFunction (POST /functions/hello/invocations) of key AKIDEXAMPLE from : 413 RequestEntityTooLargeException",
                "Refused - - (POST /functions/hello/invocations) of key - from : 403 MissingAuthenticationTokenException",
            ],
            _front.Lines.All.Select(line => line.Text.Split(',')[0]));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br, deflate")]
    public async Task Takes_no_encoded_body(string coding)
    {
        var stream = new MemoryStream(new byte[10]);
        var answer = await _front.SendAsync("POST", Invoke, new byte[10], stream: stream, bend: http => http.Request.Headers.ContentEncoding = coding);
        Assert.Equal((415, "UnsupportedMediaTypeException", 0), (answer.Status, answer.ErrorType, stream.Position));
    }

    [Fact]
    public async Task Reads_no_byte_of_a_sender_whom_nobody_knows()
    {
        var stream = new MemoryStream(new byte[10]);
        var answer = await _front.SendAsync("POST", Invoke, new byte[10], stream: stream, bend: http =>
            http.Request.Headers.Authorization = http.Request.Headers.Authorization.ToString().Replace("AKIDEXAMPLE", "AKIDNOBODY", StringComparison.Ordinal));
        Assert.Equal(("UnrecognizedClientException", 0), (answer.ErrorType, stream.Position));
    }
}
