using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Lifecycle;

/// <summary>Functions that do not come up: the error names the cause, on the first call and on those after it.</summary>
[Collection(Platform.Collection)]
public sealed class InitTests(Platform platform)
{
    private const string Fine = "def handler(event, context):\n    return 1\n";

    [Theory]
    [InlineData("import nosuch\n" + Fine, "app.handler", "Runtime.ImportModuleError", "^Unable to import module 'app': No module named 'nosuch'$")]
    [InlineData("def handler(:\n", "app.handler", "Runtime.UserCodeSyntaxError", "^Syntax error in module 'app': ")]
    [InlineData(Fine, "app.absent", "Runtime.HandlerNotFound", "^Handler 'absent' missing on module 'app'$")]
    [InlineData(Fine, "absent.handler", "Runtime.ImportModuleError", "^Unable to import module 'absent': No module named 'absent'$")]
    [InlineData(Fine, "nodot", "Runtime.MalformedHandlerName", "^Bad handler 'nodot': not enough values to unpack \\(expected 2, got 1\\)$")]
    [InlineData("raise ValueError('at init')\n", "app.handler", "ValueError", "^at init$")]
    [InlineData("import sys\nsys.exit(4)\n", "app.handler", "Runtime.ExitError", "^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 4$")]
    public Task Python_says_why_it_cannot_start(string code, string handler, string type, string message) =>
        FailsTwiceAsync(code, "python3.13", "app.py", handler, type, message);

    [Theory]
    [InlineData("import nosuch from 'nosuch';\nexport const handler = () => 1;\n", "index.mjs", "index.handler", "Runtime.ImportModuleError", "Cannot find package 'nosuch'")]
    [InlineData("require('nosuch');\nexports.handler = async () => 1;\n", "index.js", "index.handler", "Runtime.ImportModuleError", "^Error: Cannot find module 'nosuch'")]
    [InlineData("exports.handler = async ( => 1;\n", "index.js", "index.handler", "Runtime.UserCodeSyntaxError", "^SyntaxError: ")]
    [InlineData("exports.other = async () => 1;\n", "index.js", "index.handler", "Runtime.HandlerNotFound", "^index.handler is undefined or not exported$")]
    [InlineData("exports.handler = async () => 1;\n", "index.js", "absent.handler", "Runtime.ImportModuleError", "^Error: Cannot find module 'absent'")]
    [InlineData("exports.handler = async () => 1;\n", "index.js", "nodot", "Runtime.MalformedHandlerName", "^Bad handler$")]
    [InlineData("throw new RangeError('at init');\n", "index.js", "index.handler", "RangeError", "^at init$")]
    public Task Node_says_why_it_cannot_start(string code, string file, string handler, string type, string message) =>
        FailsTwiceAsync(code, "nodejs20.x", file, handler, type, message);

    [Theory]
    [InlineData("#!/bin/bash\n", "not-bootstrap", "Runtime.InvalidEntrypoint", @"^RequestId: [0-9a-f-]{36} Error: Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]$")]
    [InlineData("#!/bin/bash\nexit 9\n", "bootstrap", "Runtime.ExitError", "^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 9$")]
    [InlineData("no interpreter, not executable", "bootstrap", "Runtime.InvalidEntrypoint", "^RequestId: [0-9a-f-]{36} Error: fork/exec /var/task/bootstrap: permission denied$")]
    public Task A_custom_runtime_that_does_not_come_up_is_named(string code, string file, string type, string message) =>
        FailsTwiceAsync(code, "provided.al2023", file, "unused", type, message);

    [Theory]
    [InlineData("ruby3.3")]
    [InlineData("java21")]
    public async Task A_runtime_that_cannot_be_installed_fails_the_function_with_what_to_do(string runtime)
    {
        var name = $"failed-{Guid.NewGuid():N}";
        var created = await platform.Api.CreateAsync(LambdaApi.CreateRequest(name, runtime, "app.handler", CodeZip.Of(("app.rb", "x"))));
        Assert.Equal(201, created.Status);
        await Until.TrueAsync(async () => (string?)(await platform.Api.ConfigurationAsync(name))["State"] == "Failed", $"{name} has failed");
        var function = await platform.Api.ConfigurationAsync(name);
        var reason = (string)function["StateReason"]!;
        Assert.StartsWith($"Runtime {runtime} could not be installed: ", reason, StringComparison.Ordinal);
        Assert.Contains("known: python3.13", reason, StringComparison.Ordinal);
        Assert.Contains("`fnq runtimes install NAME`", reason, StringComparison.Ordinal);
        Assert.DoesNotContain(Repository.RuntimesFolder, reason, StringComparison.Ordinal);
        Assert.Equal("InvalidRuntime", (string?)function["StateReasonCode"]);

        var invoked = await platform.Api.InvokeAsync(name);
        Assert.Equal((409, "ResourceConflictException"), (invoked.Status, invoked.ErrorType));
        Assert.Equal("The operation cannot be performed at this time. The function is currently in the following state: Failed", invoked.Message);
    }

    private async Task FailsTwiceAsync(string code, string runtime, string file, string handler, string type, string message)
    {
        var name = await platform.Api.DeployAsync(code, null, runtime, file, handler);
        for (var call = 0; call < 2; call++)
        {
            var error = await platform.Api.FailAsync(name);
            Assert.Equal(type, (string?)error["errorType"]);
            Assert.Matches(message, (string?)error["errorMessage"]);
        }
    }
}
