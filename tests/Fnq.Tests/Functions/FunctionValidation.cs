using Fnq.AwsApi;
using Fnq.Functions;
using Xunit;

namespace Fnq.Tests.Functions;

public sealed class FunctionValidation
{
    private static readonly CreateFunctionRequest Good = new()
    {
        FunctionName = "f",
        Runtime = "python3.13",
        Handler = "a.b",
        Role = "arn:aws:iam::123456789012:role/r",
        Code = new() { ZipFile = [1] },
    };

    [Fact]
    public void Passes_a_plain_request() => ConfigurationRules.Check(Good);

    [Fact]
    public void Reports_every_broken_constraint_in_one_sentence()
    {
        var error = Refused(Good with { Role = "nope", MemorySize = 64, Timeout = 901, Architectures = ["x86_64", "arm64"] });
        Assert.Equal((400, "ValidationException", MessageMember.LowerWithoutType), (error.Status, error.Type, error.Member));
        Assert.Equal(
            "4 validation errors detected: "
            + "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1; "
            + @"Value 'nope' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+; "
            + "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900; "
            + "Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
            error.Message);
    }

    [Fact]
    public void Names_missing_members_without_quotes() => Assert.StartsWith(
        "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null; Value null at 'role'",
        Refused(new()).Message);

    [Theory]
    [InlineData("python9", "Value python9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN")]
    [InlineData("nodejs14.x", "The runtime parameter of nodejs14.x is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.")]
    [InlineData("", "Runtime and Handler are mandatory parameters for functions created with deployment packages.")]
    public void Has_its_own_words_for_runtimes(string runtime, string message)
    {
        var error = Refused(Good with { Runtime = runtime });
        Assert.Equal(("InvalidParameterValueException", message), (error.Type, error.Message));
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("a\nb")]
    public void Refuses_white_space_in_handlers(string handler) => Assert.Contains("'handler'", Refused(Good with { Handler = handler }).Message);

    [Fact]
    public void Takes_shell_text_as_it_is() => ConfigurationRules.Check(
        Good with { Handler = "$(reboot);'\"", Environment = new(new() { ["LD_PRELOAD"] = "`id` $(id)\n${jndi:ldap://x}" }) });

    [Fact]
    public void Guards_environment_variables()
    {
        Assert.EndsWith("Reserved keys used in this request: AWS_REGION, _HANDLER", Variables(("AWS_REGION", "x"), ("_HANDLER", "y")).Message);
        Assert.Contains("Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]", Variables(("1a", "secret")).Message);
        Assert.DoesNotContain("secret", Variables(("1a", "secret")).Message);
        Assert.Equal("ValidationException", Variables(("AB", "a\0b")).Type);
        Assert.Contains("exceeded the 4KB limit. String measured: {\"AB\":\"", Variables(("AB", new string('x', 4_088))).Message);
        ConfigurationRules.Check(Good with { Environment = new(new() { ["AB"] = new string('x', 4_087) }) });
    }

    [Fact]
    public void Limits_tags_and_layers()
    {
        Assert.Equal(
            "Number of tags exceeds resource tag limit.",
            Refused(Good with { Tags = Enumerable.Range(0, 51).ToDictionary(i => $"k{i}", _ => "v") }).Message);
        Assert.Contains("Map keys must satisfy constraint", Refused(Good with { Tags = new() { [new string('k', 129)] = "v" } }).Message);
        Assert.Equal("Cannot reference more than 5 layers.", Refused(Good with { Layers = [.. Enumerable.Repeat("arn", 6)] }).Message);
        Assert.Equal("Layer version arn:x does not exist.", Refused(Good with { Layers = ["arn:x"] }).Message);
    }

    [Theory]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:q", true)]
    [InlineData("arn:aws:sns:us-east-1:123456789012:t", true)]
    [InlineData("", true)]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:g", false)]
    [InlineData("arn:aws:s3:::bucket", false)]
    public void Dead_letters_go_to_a_queue_or_a_topic(string target, bool isAllowed)
    {
        var request = Good with { DeadLetterConfig = new(target) };
        if (isAllowed)
        {
            ConfigurationRules.Check(request);
            return;
        }

        var error = Refused(request);
        Assert.Equal(
            ("InvalidParameterValueException", "The DeadLetterConfig TargetArn must be an SQS queue or SNS topic ARN."), (error.Type, error.Message));
    }

    [Theory]
    [InlineData(null, 50)]
    [InlineData("1", 1)]
    [InlineData("10000", 50)]
    public void Pages_hold_fifty_at_most(string? maxItems, int page) => Assert.Equal(page, AccountReads.PageOf(maxItems, "ALL"));

    [Theory]
    [InlineData("-1", "Value '-1' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1")]
    [InlineData("2147483648", "Member must have value less than or equal to 10000")]
    [InlineData("x", "Value 'x' at 'maxItems'")]
    public void Page_sizes_are_checked(string maxItems, string part) =>
        Assert.Contains(part, Assert.Throws<AwsException>(() => AccountReads.PageOf(maxItems, null)).Message);

    private static AwsException Variables(params (string Name, string Value)[] variables) =>
        Refused(Good with { Environment = new(variables.ToDictionary(pair => pair.Name, pair => pair.Value)) });

    private static AwsException Refused(CreateFunctionRequest request) =>
        Assert.Throws<AwsException>(() => ConfigurationRules.Check(request));
}
