using NetArchTest.Rules;
using Xunit;

namespace Fnq.Tests;

/// <summary>Who may know whom (style, section 1).</summary>
public sealed class ArchitectureTests
{
    private static readonly Types Platform = Types.InAssembly(typeof(Fnq.Dispatch.Deployment).Assembly);

    [Fact]
    public void Contracts_depend_on_nothing() =>
        Assert.DoesNotContain(
            typeof(Contracts.DeploymentId).Assembly.GetReferencedAssemblies(),
            reference => reference.Name is { } name && !name.StartsWith("System", StringComparison.Ordinal));

    [Theory]
    [InlineData("Fnq.Execution", "Fnq.Invocations")]
    [InlineData("Fnq.Execution", "Fnq.Hosting")]
    [InlineData("Fnq.Execution", "Fnq.AwsApi")]
    [InlineData("Fnq.Invocations", "Fnq.Execution")]
    [InlineData("Fnq.Invocations", "Fnq.Hosting")]
    [InlineData("Fnq.Invocations", "Fnq.Functions")]
    [InlineData("Fnq.Billing", "Fnq.Execution")]
    [InlineData("Fnq.Billing", "Fnq.Invocations")]
    [InlineData("Fnq.Billing", "Fnq.Functions")]
    [InlineData("Fnq.Billing", "Fnq.Hosting")]
    [InlineData("Fnq.Functions", "Fnq.Execution")]
    [InlineData("Fnq.Functions", "Fnq.Invocations")]
    [InlineData("Fnq.Functions", "Fnq.Hosting")]
    [InlineData("Fnq.Functions", "Fnq.Triggers")]
    [InlineData("Fnq.Invocations", "Fnq.Triggers")]
    [InlineData("Fnq.Execution", "Fnq.Triggers")]
    [InlineData("Fnq.Triggers", "Fnq.Invocations")]
    [InlineData("Fnq.Triggers", "Fnq.Execution")]
    [InlineData("Fnq.Triggers", "Fnq.Hosting")]
    [InlineData("Fnq.Triggers.RabbitMq", "Fnq.Functions")]
    [InlineData("Fnq.Triggers.RabbitMq", "Fnq.AwsApi")]
    [InlineData("Fnq.Identity", "Fnq.Functions")]
    [InlineData("Fnq.Dispatch", "Fnq.Functions")]
    [InlineData("Fnq.Dispatch", "Fnq.Execution")]
    [InlineData("Fnq.Dispatch", "Fnq.Invocations")]
    [InlineData("Fnq.Storage", "Fnq.Functions")]
    [InlineData("Fnq.Messaging", "Fnq.Functions")]
    [InlineData("Fnq.Messaging", "Fnq.Execution")]
    [InlineData("Fnq.Schedules", "Fnq.Execution")]
    [InlineData("Fnq.Schedules", "Fnq.Invocations")]
    [InlineData("Fnq.Schedules", "Fnq.Hosting")]
    public void Feature_does_not_know(string feature, string other)
    {
        var result = Platform.That().ResideInNamespace(feature).ShouldNot().HaveDependencyOn(other).GetResult();
        Assert.True(result.IsSuccessful, $"{feature} knows {other}: {string.Join(", ", result.FailingTypeNames ?? [])}");
    }

    [Theory]
    [InlineData("Fnq.Transport")]
    [InlineData("Fnq.Amqp", "Fnq.Transport")]
    public void Wire_knows_no_other_part(string part, string? below = null)
    {
        string[] parts =
        [
            "AwsApi", "Billing", "Dispatch", "Execution", "Functions", "Hosting", "Identity", "Invocations", "Logs", "Messaging", "Schedules", "Storage",
            "Telemetry", "Triggers",
        ];
        string[] others = [.. parts.Select(name => $"Fnq.{name}"), "Fnq.Amqp", "Fnq.Transport"];
        var result = Platform.That().ResideInNamespace(part)
            .ShouldNot().HaveDependencyOnAny([.. others.Where(name => name != part && name != below)]).GetResult();
        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }

    [Fact]
    public void Only_execution_touches_sandboxes()
    {
        var result = Platform.That().DoNotResideInNamespace("Fnq.Execution").And().DoNotResideInNamespace("Fnq.Hosting")
            .ShouldNot().HaveDependencyOn("Fnq.Execution.Sandboxes").GetResult();
        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }

    [Fact]
    public void Only_hosting_knows_schedules()
    {
        var result = Platform.That().DoNotResideInNamespace("Fnq.Schedules").And().DoNotResideInNamespace("Fnq.Hosting")
            .ShouldNot().HaveDependencyOn("Fnq.Schedules").GetResult();
        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }

    /// <summary>CodeRequest is both a member of CreateFunction's request and the start of UpdateFunctionCode's, as in AWS's model.</summary>
    [Fact]
    public void Concrete_classes_are_sealed()
    {
        var result = Platform.That().AreClasses().And().AreNotAbstract().And().DoNotHaveNameMatching("<|DisplayClass|JsonContext|^CodeRequest$")
            .Should().BeSealed().Or().BeStatic().GetResult();
        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }
}
