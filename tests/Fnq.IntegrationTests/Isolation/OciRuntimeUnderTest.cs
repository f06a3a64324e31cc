namespace Fnq.IntegrationTests.Isolation;

/// <summary>What FNQ_TEST_OCI_RUNTIME names; without it the platform's own choice, crun.</summary>
internal static class OciRuntimeUnderTest
{
    internal static bool IsRunc { get; } = Path.GetFileName(Environment.GetEnvironmentVariable("FNQ_TEST_OCI_RUNTIME")) == "runc";
}
