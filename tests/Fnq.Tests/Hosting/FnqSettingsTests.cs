using Fnq.Hosting;
using Xunit;

namespace Fnq.Tests.Hosting;

public sealed class FnqSettingsTests
{
    private static readonly Dictionary<string, string?> Least = new()
    {
        ["FNQ_AMQP_URL"] = "amqp://user:geheim@localhost:5672/users",
        ["FNQ_POSTGRES_URL"] = "postgres://fnq:geheim@localhost:5432/fnq",
    };

    [Fact]
    public void Two_urls_are_enough()
    {
        var settings = FnqSettings.Read(Least);
        Assert.Equal(9000, settings.Port);
        Assert.Equal("amqp://user:geheim@localhost:5672/fnq", settings.PlatformAmqpUrl);
        Assert.Equal(RoleTable.All, settings.Roles);
    }

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        var problems = Assert.Throws<SettingsException>(() => FnqSettings.Read(new Dictionary<string, string?>
        {
            ["FNQ_PORT"] = "ninety",
            ["FNQ_ROLES"] = "api,cook",
            ["FNQ_ACCOUNT_ID"] = "12",
        }));
        foreach (var name in (string[])["FNQ_PORT", "FNQ_ROLES", "FNQ_ACCOUNT_ID", "FNQ_AMQP_URL", "FNQ_POSTGRES_URL"])
        {
            Assert.Contains(name, problems.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Production_refuses_a_sandbox_that_isolates_nothing()
    {
        var settings = new Dictionary<string, string?>(Least) { ["FNQ_SANDBOX"] = "process" };
        Assert.Equal("process", FnqSettings.Read(settings).Sandbox);
        settings["FNQ_PRODUCTION"] = "on";
        var problems = Assert.Throws<SettingsException>(() => FnqSettings.Read(settings));
        Assert.Contains("FNQ_SANDBOX=process isolates nothing", problems.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_of_the_oci_runtime_are_split_on_spaces_and_on_nothing_else()
    {
        var settings = new Dictionary<string, string?>(Least) { ["FNQ_OCI_RUNTIME_ARGS"] = " --platform=systrap  --debug-log='$(x);' " };
        Assert.Equal(["--platform=systrap", "--debug-log='$(x);'"], FnqSettings.Read(settings).OciRuntimeArguments);
        Assert.Empty(FnqSettings.Read(Least).OciRuntimeArguments);
    }

    [Fact]
    public void No_secret_is_described() =>
        Assert.DoesNotContain(FnqSettings.Read(Least).Describe(), pair => pair.Value.Contains("geheim", StringComparison.Ordinal));
}
