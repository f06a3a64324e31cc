using Fnq.Functions.Policies;
using Xunit;

namespace Fnq.Tests.Functions.Policies;

public sealed class PolicyStatementTests
{
    private const string Arn = "arn:aws:lambda:us-east-1:123456789012:function:f";

    [Fact]
    public void A_statement_is_written_in_the_order_of_AWS()
    {
        Assert.Equal(
            """
            {"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}
            """,
            PolicyStatement.Write(
                Request("s3.amazonaws.com") with { StatementId = "s3", SourceAccount = "123456789012", SourceArn = "arn:aws:s3:::b" }, Arn));
    }

    [Theory]
    [InlineData("210987654321", "arn:aws:iam::210987654321:root")]
    [InlineData("arn:aws:iam::1:user/u", "arn:aws:iam::1:user/u")]
    public void An_account_is_its_root_user(string given, string written) =>
        Assert.Contains($$"""Principal":{"AWS":"{{written}}"}""", PolicyStatement.Write(Request(given), Arn), StringComparison.Ordinal);

    [Theory]
    [InlineData("lambda:InvokeFunctionUrl", "*", "NONE", null, true)]
    [InlineData("lambda:InvokeFunctionUrl", "*", null, null, true)]
    [InlineData("lambda:InvokeFunctionUrl", "*", "NONE", true, true)]
    [InlineData("lambda:*", "*", null, null, true)]
    [InlineData("lambda:InvokeFunctionUrl", "*", "AWS_IAM", null, false)]
    [InlineData("lambda:InvokeFunctionUrl", "210987654321", "NONE", null, false)]
    [InlineData("lambda:InvokeFunction", "*", null, null, false)]
    public void Everybody_may_call_a_url_by_the_right_statement_only(string action, string principal, string? authType, bool? via, bool allows) =>
        Assert.Equal(allows, PolicyStatement.AllowsPublicUrl(PolicyStatement.Write(
            Request(principal) with { Action = action, FunctionUrlAuthType = authType, InvokedViaFunctionUrl = via }, Arn)));

    [Fact]
    public void A_condition_on_where_a_call_comes_from_is_met_by_none_from_anywhere() =>
        Assert.False(PolicyStatement.AllowsPublicUrl(PolicyStatement.Write(
            Request("*") with { Action = "lambda:InvokeFunctionUrl", SourceAccount = "123456789012" }, Arn)));

    private static AddPermissionRequest Request(string principal) => new() { StatementId = "s", Action = "lambda:InvokeFunction", Principal = principal };
}
