using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Functions;
using Fnq.Functions.EventConfigs;
using Xunit;

namespace Fnq.Tests.Functions.EventConfigs;

public sealed class EventInvokeConfigRulesTests
{
    private const string Queue = "arn:aws:sqs:us-east-1:123456789012:q";
    private static readonly FunctionKey Self = new("123456789012", "us-east-1", "f");

    [Theory]
    [InlineData(0, null)]
    [InlineData(2, null)]
    [InlineData(null, 60)]
    [InlineData(null, 21_600)]
    public void Limits_are_allowed_to_their_ends(int? retries, int? age) =>
        EventInvokeConfigRules.Check(new() { MaximumRetryAttempts = retries, MaximumEventAgeInSeconds = age });

    [Fact]
    public void All_broken_limits_are_in_one_answer()
    {
        var error = Refused(new() { MaximumRetryAttempts = 3, MaximumEventAgeInSeconds = 59 });
        Assert.Equal((400, "ValidationException"), (error.Status, error.Type));
        Assert.Equal(
            "2 validation errors detected: "
            + "Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2; "
            + "Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60",
            error.Message);
        Assert.Contains("greater than or equal to 0", Refused(new() { MaximumRetryAttempts = -1 }).Message);
        Assert.Contains("less than or equal to 21600", Refused(new() { MaximumEventAgeInSeconds = 21_601 }).Message);
    }

    [Fact]
    public void A_long_destination_is_refused_by_its_length() => Assert.Equal(
        $"1 validation error detected: Value '{new string('x', 351)}' at 'destinationConfig.onFailure.destination' failed to satisfy constraint: Member must have length less than or equal to 350",
        Refused(To(onFailure: new string('x', 351))).Message);

    [Fact]
    public void Nothing_at_all_is_refused()
    {
        var error = Refused(new());
        Assert.Equal((400, "InvalidParameterValueException"), (error.Status, error.Type));
        Assert.Equal("You must specify at least one of error handling or destination setting.", error.Message);
        EventInvokeConfigRules.Check(new() { DestinationConfig = new(null, null) });
    }

    [Theory]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:f")]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:f:1")]
    public void A_function_is_no_destination_of_itself(string arn)
    {
        Assert.Equal("You can't specify the function as a destination for itself.", RefusedDestination(To(onSuccess: arn)).Message);
        Assert.Equal("You can't specify the function as a destination for itself.", RefusedDestination(To(Queue, arn)).Message);
    }

    [Theory]
    [InlineData("arn:aws:s3:::bucket")]
    [InlineData("https://user@example.com/")]
    [InlineData("nonsense")]
    public void Other_destinations_are_refused_by_name(string text)
    {
        var error = RefusedDestination(To(Queue, text));
        Assert.Equal((400, "InvalidParameterValueException", $"The destination ARN {text} is invalid."), (error.Status, error.Type, error.Message));
    }

    [Fact]
    public void Only_functions_of_the_same_account_and_region_have_to_be_found()
    {
        const string Near = "arn:aws:lambda:us-east-1:123456789012:function:g:3";
        Assert.Equal(
            (Near, new FunctionReference(Self with { Name = "g" }, "3")),
            Assert.Single(EventInvokeConfigRules.FunctionsToFind(Self, To(Near, "https://example.com/"))));
        Assert.Empty(EventInvokeConfigRules.FunctionsToFind(
            Self, To("arn:aws:lambda:eu-west-1:123456789012:function:f", "arn:aws:lambda:us-east-1:999999999999:function:f")));
        Assert.Empty(EventInvokeConfigRules.FunctionsToFind(Self, To("", Queue)));
        Assert.Empty(EventInvokeConfigRules.FunctionsToFind(Self, new() { MaximumRetryAttempts = 1 }));
    }

    private static EventInvokeConfigRequest To(string? onSuccess = null, string? onFailure = null) =>
        new() { DestinationConfig = new(new(onSuccess), new(onFailure)) };

    private static AwsException Refused(EventInvokeConfigRequest request) =>
        Assert.Throws<AwsException>(() => EventInvokeConfigRules.Check(request));

    private static AwsException RefusedDestination(EventInvokeConfigRequest request) =>
        Assert.Throws<AwsException>(() => EventInvokeConfigRules.FunctionsToFind(Self, request));
}
