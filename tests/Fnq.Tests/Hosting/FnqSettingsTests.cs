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
    public void Egress_is_filtered_and_functions_call_this_process_unless_somebody_says_otherwise()
    {
        var settings = FnqSettings.Read(Least);
        Assert.Equal(("filtered", "198.18.0.0/20", 0, 0), EgressOf(settings));
        Assert.Equal(new Uri("http://127.0.0.1:9000"), settings.ApiUrl);
        Assert.Equal(new Uri("http://127.0.0.1:9000"), FnqSettings.Read(new Dictionary<string, string?>(Least) { ["FNQ_HOST"] = "0.0.0.0" }).ApiUrl);
        Assert.Null(FnqSettings.Read(Least, "worker").ApiUrl);

        settings = FnqSettings.Read(new Dictionary<string, string?>(Least)
        {
            ["FNQ_EGRESS"] = "none", ["FNQ_EGRESS_ALLOW"] = "10.0.0.5:5432 10.9.0.0/16", ["FNQ_EGRESS_NETWORK"] = "10.77.0.0/16",
            ["FNQ_EGRESS_DNS"] = "10.0.0.2,10.0.0.3", ["FNQ_API_URL"] = "http://api:9000",
        }, "worker");
        Assert.Equal(("none", "10.77.0.0/16", 2, 2), EgressOf(settings));
        Assert.Equal(new Uri("http://api:9000"), settings.ApiUrl);
    }

    [Theory]
    [InlineData("FNQ_EGRESS", "open")]
    [InlineData("FNQ_EGRESS_ALLOW", "169.254.169.254:80")]
    [InlineData("FNQ_EGRESS_ALLOW", "db:5432")]
    [InlineData("FNQ_EGRESS_NETWORK", "10.77.0.0/30")]
    [InlineData("FNQ_EGRESS_NETWORK", "10.77.0.1/16")]
    [InlineData("FNQ_EGRESS_DNS", "fe80::1")]
    [InlineData("FNQ_EGRESS_DNS", "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4")]
    [InlineData("FNQ_API_URL", "https://api:9000")]
    [InlineData("FNQ_API_URL", "api:9000")]
    public void Wrong_settings_of_egress_are_refused(string name, string value)
    {
        var settings = new Dictionary<string, string?>(Least) { [name] = value };
        Assert.Contains(name, Assert.Throws<SettingsException>(() => FnqSettings.Read(settings)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_secret_is_described() =>
        Assert.DoesNotContain(FnqSettings.Read(Least).Describe(), pair => pair.Value.Contains("geheim", StringComparison.Ordinal));

    private static (string Mode, string Network, int Allowed, int Resolvers) EgressOf(FnqSettings settings) =>
        (settings.Egress.Mode, settings.Egress.Network.ToString(), settings.Egress.Allow.Count, settings.Egress.Resolvers.Count);
}
