using Fnq.Contracts;
using Fnq.Functions;
using Xunit;

namespace Fnq.Tests.Functions;

public sealed class DeploymentIds
{
    private static readonly FunctionKey Key = new("123456789012", "us-east-1", "f");

    private static readonly FunctionSpec Spec = new()
    {
        Runtime = "python3.13",
        Handler = "a.b",
        Role = "arn:aws:iam::123456789012:role/r",
        Environment = new() { ["B1"] = "2", ["A1"] = "1" },
        Logging = LoggingSpec.Default("f"),
    };

    private static readonly string Digest = new('a', 64);

    /// <summary>Approved: another value here retires every warm environment of every installation at its next upgrade.</summary>
    [Fact]
    public void Stay_the_same_between_versions_of_Fnq() => Assert.Equal("d-31d7a7945724450fd9e965f80b2a0176", Id(Spec));

    [Fact]
    public void Ignore_what_does_not_matter_at_run_time()
    {
        Assert.Equal(Id(Spec), Id(Spec with { Description = "new", TracingMode = "Active", SnapStart = "PublishedVersions" }));
        Assert.Equal(Id(Spec), Id(Spec with { Environment = new() { ["A1"] = "1", ["B1"] = "2" } }));
        Assert.Equal(Id(Spec with { Environment = null }), Id(Spec with { Environment = [] }));
        Assert.Equal(Id(Spec), Id(Spec, tags: new() { ["team"] = "blue", [EgressTags.Allow] = " " }));
        Assert.Equal(
            Id(Spec, tags: new() { [EgressTags.Allow] = "10.0.0.5/32:53 10.1.0.0/16" }),
            Id(Spec, tags: new() { [EgressTags.Allow] = "10.1.0.0/16  10.0.0.5:53 10.0.0.5:53" }));
    }

    [Fact]
    public void Differ_for_everything_that_does()
    {
        string[] ids =
        [
            Id(Spec), Id(Spec, version: "1"), Id(Spec, digest: new('b', 64)), Id(Spec, key: Key with { Region = "eu-west-1" }),
            Id(Spec, key: Key with { AccountId = "999999999999" }), Id(Spec, key: Key with { Name = "g" }),
            Id(Spec with { Runtime = "nodejs20.x" }), Id(Spec with { Handler = "a.c" }), Id(Spec with { Role = Spec.Role + "2" }),
            Id(Spec with { MemorySizeMb = 129 }), Id(Spec with { TimeoutSeconds = 4 }), Id(Spec with { EphemeralStorageMb = 513 }),
            Id(Spec with { Architecture = "arm64" }), Id(Spec with { Environment = new() { ["A1"] = "1", ["B1"] = "3" } }),
            Id(Spec, tags: new() { [EgressTags.Mode] = "none" }), Id(Spec, tags: new() { [EgressTags.Mode] = "filtered" }),
            Id(Spec, tags: new() { [EgressTags.Allow] = "10.0.0.5:5432" }), Id(Spec, tags: new() { [EgressTags.Allow] = "10.0.0.5" }),
            Id(Spec with { Logging = Spec.Logging with { LogFormat = "JSON" } }), Id(Spec with { Logging = Spec.Logging with { LogGroup = "g" } }),
        ];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.All(ids, id => Assert.Matches("^d-[0-9a-f]{32}$", id));
    }

    private static string Id(
        FunctionSpec spec, string version = "$LATEST", string? digest = null, FunctionKey? key = null, Dictionary<string, string>? tags = null) =>
        DeploymentIdentity.Of(key ?? Key, version, spec, digest ?? Digest, tags ?? []).Id.Value;
}
