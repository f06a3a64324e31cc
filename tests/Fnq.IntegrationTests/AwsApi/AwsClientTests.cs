using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using Fnq.AwsApi;
using Fnq.Identity;
using Fnq.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.AwsApi;

/// <summary>The AWS CLI and an HttpClient sign, the front on Kestrel verifies.</summary>
public sealed class AwsClientTests : IAsyncLifetime
{
    private const string Cli = "/usr/bin/aws";
    private const string KeyId = "AKIDEXAMPLE";
    private const string Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    private WebApplication? _app;

    private string Endpoint => _app!.Urls.Single();

    public async ValueTask InitializeAsync()
    {
        var options = new IdentityOptions { AccountId = "123456789012", AccessKeyId = KeyId, SecretAccessKey = Secret };
        var key = new AccessKey
        {
            Id = KeyId,
            Secret = Secret,
            AccountId = options.AccountId,
            Arn = "arn:aws:iam::123456789012:user/fnq",
            UserId = "AIDAEXAMPLEEXAMPLEEXA",
            CreatedAt = DateTimeOffset.UnixEpoch,
        };
        var keys = new AccessKeyStore((id, _) => Task.FromResult(id == KeyId ? key : null), TimeProvider.System, NullLogger<AccessKeyStore>.Instance);
        var front = new AwsFront(
            [new StsService()], keys, new SessionTokens(_ => new(new byte[32]), TimeProvider.System),
            new SignatureVerifier(options, TimeProvider.System), BodyBudget.OfThisMachine(), new AuditLog(NullLoggerFactory.Instance),
            NullLogger<AwsFront>.Instance);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(front.InvokeAsync);
        await _app.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    [Fact]
    public async Task The_CLI_learns_who_it_is()
    {
        var (exit, output) = await RunAsync(Secret, "sts", "get-caller-identity");

        Assert.True(exit == 0, output);
        using var identity = JsonDocument.Parse(output);
        Assert.Equal("arn:aws:iam::123456789012:user/fnq", identity.RootElement.GetProperty("Arn").GetString());
        Assert.Equal("123456789012", identity.RootElement.GetProperty("Account").GetString());
    }

    [Fact]
    public async Task The_CLI_with_a_wrong_secret_gets_the_error_of_AWS()
    {
        var (exit, output) = await RunAsync("wrong", "sts", "get-caller-identity");

        Assert.NotEqual(0, exit);
        Assert.Contains("An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_CLI_learns_that_a_service_is_unknown()
    {
        var (exit, output) = await RunAsync(Secret, "lambda", "get-function", "--function-name", "arn:aws:lambda:us-east-1:123456789012:function:a:$LATEST");

        Assert.NotEqual(0, exit);
        Assert.Contains("UnknownOperationException", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_HttpClient_signs_headers_and_presigned_targets()
    {
        using var client = new HttpClient();
        var signer = new SigV4Signer(KeyId, Secret, "us-east-1", "sts", TimeProvider.System);
        var form = Encoding.UTF8.GetBytes("Action=GetCallerIdentity&Version=2011-06-15");
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Endpoint}/") { Content = new ByteArrayContent(form) };
        signer.Sign(request, form);
        using var answer = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        var presigned = signer.Presign("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", new Uri(Endpoint).Authority, TimeSpan.FromMinutes(1));
        Assert.Contains("<Account>123456789012</Account>", await client.GetStringAsync($"{Endpoint}{presigned}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_over_the_limit_is_answered_on_a_connection_that_lives_on()
    {
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 });
        var signer = new SigV4Signer(KeyId, Secret, "us-east-1", "sts", TimeProvider.System);
        foreach (var isChunked in new[] { false, true })
        {
            var body = new byte[5_000_000];
            using var request = new HttpRequestMessage(HttpMethod.Post, $"{Endpoint}/") { Content = new ByteArrayContent(body) };
            request.Headers.TransferEncodingChunked = isChunked;
            signer.Sign(request, body);
            using var answer = await client.SendAsync(request);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        }
    }

    private async Task<(int Exit, string Output)> RunAsync(string secret, params string[] arguments)
    {
        Assert.SkipUnless(File.Exists(Cli), $"{Cli} is not installed");
        var start = new ProcessStartInfo(Cli, ["--endpoint-url", Endpoint, "--output", "json", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["AWS_ACCESS_KEY_ID"] = KeyId,
                ["AWS_SECRET_ACCESS_KEY"] = secret,
                ["AWS_DEFAULT_REGION"] = "us-east-1",
                ["AWS_MAX_ATTEMPTS"] = "1",
                ["AWS_EC2_METADATA_DISABLED"] = "true",
            },
        };
        using var cli = Process.Start(start)!;
        var output = cli.StandardOutput.ReadToEndAsync();
        var errors = cli.StandardError.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await cli.WaitForExitAsync(deadline.Token);
        return (cli.ExitCode, await output + await errors);
    }
}
