using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>Requests that must be refused: in AWS's words, never with a 5xx, with a line in the server's log, and nothing else is harmed.</summary>
[Collection(Platform.Collection)]
public sealed class BadInputTests(Platform platform) : IAsyncLifetime
{
    private const string Functions = "/2015-03-31/functions";
    private const string Mismatch = "The request signature we calculated does not match the signature you provided. "
        + "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

    private const string BadZip = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    private const string EnvironmentPrefix = "Lambda was unable to configure your environment variables because the environment variables you have provided ";
    private static readonly byte[] Code = CodeZip.Of(("app.py", "def handler(event, context):\n    return 'fine'\n"));

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>After every refusal the platform serves on.</summary>
    public async ValueTask DisposeAsync()
    {
        var name = await platform.Api.DeployAsync("def handler(event, context):\n    return 'fine'\n");
        Assert.Equal("\"fine\"", (await platform.Api.CallAsync(name)).ToJsonString());
    }

    [Fact]
    public async Task Invocations_that_make_no_sense()
    {
        var name = await platform.Api.DeployAsync("def handler(event, context):\n    return 'fine'\n");
        var arn = $"arn:aws:lambda:us-east-1:123456789012:function:{name}";
        await RefusedAsync(platform.Api.InvokeAsync("absent"), 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:absent:$LATEST");
        await RefusedAsync(platform.Api.InvokeAsync($"{name}:7"), 404, "ResourceNotFoundException", $"Function not found: {arn}:7");
        await RefusedAsync(
            platform.Api.InvokeAsync(name, "{bad"), 400, "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: ", isPrefix: true);
        await RefusedAsync(
            platform.Api.InvokeAsync(name, [0x99]), 400, "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: Unexpected character ((CTRL-CHAR, code 153)): "
            + "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n"
            + " at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]");
        var large = new byte[6_291_457];
        large.AsSpan().Fill((byte)' ');
        await RefusedAsync(
            platform.Api.InvokeAsync(name, large), 413, "RequestEntityTooLargeException",
            "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)");
        await RefusedAsync(
            platform.Api.InvokeAsync(name, "{}", new Dictionary<string, string> { ["X-Amz-Invocation-Type"] = "Sometimes" }), 400, "ValidationException",
            "1 validation error detected: Value 'Sometimes' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]");
        await RefusedAsync(
            platform.Api.InvokeAsync(name, "{}", new Dictionary<string, string> { ["X-Amz-Client-Context"] = "!!" }), 400, "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.");
        await RefusedAsync(
            platform.Api.InvokeAsync("arn%3Aaws%3Alambda%3Aus-east-1%3A999999999999%3Afunction%3Ax"), 403, "AccessDeniedException", "", isPrefix: true);
        Assert.Equal("\"fine\"", (await platform.Api.CallAsync(name)).ToJsonString());
    }

    [Fact]
    public async Task Signatures_that_prove_nothing()
    {
        const string path = Functions;
        await RefusedAsync(platform.Api.SendAsync("GET", path, spoil: request => request.Headers.Remove("Authorization")), 403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        await RefusedAsync(Api(secret: "wrong").SendAsync("GET", path), 403, "InvalidSignatureException", Mismatch);
        await RefusedAsync(Api(key: "AKIDUNKNOWN").SendAsync("GET", path), 403, "UnrecognizedClientException", "The security token included in the request is invalid.");
        await RefusedAsync(Api(shift: TimeSpan.FromMinutes(-6)).SendAsync("GET", path), 403, "InvalidSignatureException", "Signature expired: ", isPrefix: true);
        await RefusedAsync(Api(shift: TimeSpan.FromMinutes(6)).SendAsync("GET", path), 403, "InvalidSignatureException", "Signature not yet current: ", isPrefix: true);
        await RefusedAsync(
            platform.Api.SendAsync("POST", path, "{}"u8.ToArray(), spoil: request => request.Content = new ByteArrayContent("{ }"u8.ToArray())),
            403, "InvalidSignatureException", Mismatch);
        await RefusedAsync(
            platform.Api.SendAsync("GET", path, spoil: request => request.RequestUri = new Uri($"{request.RequestUri}?MaxItems=1")), 403, "InvalidSignatureException", Mismatch);
        await RefusedAsync(
            platform.Api.SendAsync("GET", path, spoil: Replaced("AWS4-HMAC-SHA256 nonsense")), 403, "IncompleteSignatureException", "", isPrefix: true);
        Assert.Equal(200, (await Api(shift: TimeSpan.FromMinutes(-4)).SendAsync("GET", path)).Status);
    }

    [Fact]
    public async Task Zips_that_do_not_unpack()
    {
        const string type = "InvalidParameterValueException";
        await RefusedAsync(CreateAsync(zip: CodeZip.Of(("../evil.py", "x"), ("app.py", "x"))), 400, type, BadZip);
        await RefusedAsync(CreateAsync(zip: CodeZip.Of(("/etc/evil", "x"))), 400, type, BadZip);
        await RefusedAsync(CreateAsync(zip: CodeZip.Of(("a/../../evil", "x"))), 400, type, BadZip);
        await RefusedAsync(CreateAsync(zip: Link("escape", "../../etc/passwd")), 400, type, BadZip);
        await RefusedAsync(CreateAsync(zip: Code[..^30]), 400, type, BadZip);
        await RefusedAsync(CreateAsync(zip: "no zip at all"u8.ToArray()), 400, type, BadZip);
        await RefusedAsync(CreateAsync(zip: Flipped()), 400, type, BadZip);
        await RefusedAsync(CreateAsync(zip: []), 400, type, "Uploaded file must be a non-empty zip");
        await RefusedAsync(CreateAsync(zip: Bomb()), 400, type, "Unzipped size must be smaller than 262144000 bytes");
        await RefusedAsync(
            CreateAsync(request => request["Code"] = new JsonObject { ["ZipFile"] = "*not base64*" }), 400, "InvalidRequestContentException", "", isPrefix: true);
        await RefusedAsync(CreateAsync(zip: new byte[52_428_801]), 413, "RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes");
        Assert.False(File.Exists("/etc/evil"));
    }

    [Fact]
    public async Task Configurations_that_no_function_can_have()
    {
        const string invalid = "InvalidParameterValueException";
        const string one = "1 validation error detected: ";
        await RefusedAsync(CreateAsync(r => r["Runtime"] = "cobol85"), 400, invalid, "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, python3.14,", isPrefix: true);
        await RefusedAsync(
            CreateAsync(r => r["Runtime"] = "nodejs14.x"), 400, invalid,
            "The runtime parameter of nodejs14.x is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.");
        await RefusedAsync(CreateAsync(r => r["MemorySize"] = 127), 400, "ValidationException", one + "Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128");
        await RefusedAsync(CreateAsync(r => r["Timeout"] = 901), 400, "ValidationException", one + "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900");
        await RefusedAsync(CreateAsync(r => r["Timeout"] = 0), 400, "ValidationException", one + "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1");
        await RefusedAsync(CreateAsync(r => r["Handler"] = "a b"), 400, "ValidationException", one + @"Value 'a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\s]+");
        await RefusedAsync(CreateAsync(r => r["Handler"] = new string('h', 129)), 400, "ValidationException", one, isPrefix: true);
        await RefusedAsync(CreateAsync(r => r.Remove("Handler")), 400, invalid, "Runtime and Handler are mandatory parameters for functions created with deployment packages.");
        await RefusedAsync(CreateAsync(r => r["FunctionName"] = "no spaces"), 400, "ValidationException", one + "Value 'no spaces' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ", isPrefix: true);
        await RefusedAsync(CreateAsync(r => r["FunctionName"] = new string('n', 65)), 400, invalid, one + $"Value '{new string('n', 65)}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64");
        await RefusedAsync(CreateAsync(r => r["Role"] = "root"), 400, "ValidationException", one + @"Value 'root' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+");
        await RefusedAsync(
            CreateAsync(r => (r["MemorySize"], r["Timeout"]) = (1, 1000)), 400, "ValidationException",
            "2 validation errors detected: Value '1000' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900; "
            + "Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128");
        var long4K = new JsonObject { ["Variables"] = new JsonObject { ["BIG"] = new string('v', 4_100) } };
        await RefusedAsync(CreateAsync(r => r["Environment"] = long4K), 400, invalid, EnvironmentPrefix + "exceeded the 4KB limit. String measured: {\"BIG\":\"vvv", isPrefix: true);
        var reserved = new JsonObject { ["Variables"] = new JsonObject { ["AWS_REGION"] = "x" } };
        await RefusedAsync(
            CreateAsync(r => r["Environment"] = reserved), 400, invalid,
            EnvironmentPrefix + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION");
    }

    [Fact]
    public async Task A_name_that_is_taken()
    {
        var name = await platform.Api.DeployAsync("def handler(event, context):\n    return 'first'\n");
        await RefusedAsync(CreateAsync(r => r["FunctionName"] = name), 409, "ResourceConflictException", $"Function already exist: {name}");
        Assert.Equal("\"first\"", (await platform.Api.CallAsync(name)).ToJsonString());
    }

    [Fact]
    public async Task Requests_that_name_no_operation_or_are_no_JSON()
    {
        await RefusedAsync(platform.Api.SendAsync("GET", "/2015-03-31/nothing"), 404, "UnknownOperationException", "", isPrefix: true);
        await RefusedAsync(platform.Api.SendAsync("PATCH", Functions), 404, "UnknownOperationException", "", isPrefix: true);
        await RefusedAsync(platform.Api.SendAsync("POST", Functions, "{\"FunctionName\":"u8.ToArray()), 400, "InvalidRequestContentException", "Could not parse request body into json: ", isPrefix: true);
        await RefusedAsync(platform.Api.SendAsync("POST", Functions, "[]"u8.ToArray()), 400, "InvalidRequestContentException", "Could not parse request body into json: ", isPrefix: true);
        await RefusedAsync(platform.Api.SendAsync("POST", Functions, Encoding.UTF8.GetBytes(new string('[', 100_000))), 400, "InvalidRequestContentException", "Could not parse request body into json: ", isPrefix: true);
        await RefusedAsync(platform.Api.SendAsync("POST", Functions), 400, "ValidationException", "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null", isPrefix: true);
        await RefusedAsync(platform.Api.SendAsync("GET", $"{Functions}/a%ff"), 400, "InvalidRequestContentException", "", isPrefix: true);
        await RefusedAsync(platform.Api.SendAsync("GET", $"{Functions}/absent"), 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:absent");
    }

    private async Task RefusedAsync(Task<ApiAnswer> sent, int status, string type, string message, bool isPrefix = false)
    {
        var answer = await sent;
        Assert.True((answer.Status, answer.ErrorType) == (status, type), $"{status} {type} expected: {answer.Status} {answer.ErrorType} {answer.Text}");
        if (isPrefix)
        {
            Assert.StartsWith(message, answer.Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(message, answer.Message);
        }

        // The key's case is part of the shape: capital for the older exceptions.
        var isCapital = type is "ResourceNotFoundException" or "AccessDeniedException";
        Assert.Contains(isCapital ? "\"Message\":" : "\"message\":", answer.Text, StringComparison.Ordinal);
        Assert.Equal(type is not "ValidationException" and not "RequestEntityTooLargeException" && status != 403, answer.Text.Contains("\"Type\":\"User\"", StringComparison.Ordinal));
        int Lines() => platform.Server.Log.Split('\n').Count(line =>
            line.Contains(" Refused ", StringComparison.Ordinal) && line.Contains(answer.RequestId, StringComparison.Ordinal));
        await Until.TrueAsync(() => Lines() == 1, $"one line about the refusal of {answer.RequestId}: {status} {type}", TimeSpan.FromSeconds(5));
    }

    private Task<ApiAnswer> CreateAsync(Action<JsonObject>? spoil = null, byte[]? zip = null)
    {
        var request = LambdaApi.CreateRequest($"bad-{Guid.NewGuid():N}", "python3.13", "app.handler", zip ?? Code);
        spoil?.Invoke(request);
        return platform.Api.CreateAsync(request);
    }

    private LambdaApi Api(string key = Platform.AccessKeyId, string secret = Platform.Secret, TimeSpan shift = default) =>
        new(platform.Server.Address, key, secret, clock: new ShiftedClock(shift));

    private static Action<HttpRequestMessage> Replaced(string authorization) => request =>
    {
        request.Headers.Remove("Authorization");
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
    };

    /// <summary>300 MB of zeros in 300 kB.</summary>
    private static byte[] Bomb()
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var content = archive.CreateEntry("zeros", CompressionLevel.Fastest).Open();
            var zeros = new byte[1 << 20];
            for (var i = 0; i < 300; i++)
            {
                content.Write(zeros);
            }
        }

        return zip.ToArray();
    }

    private static byte[] Link(string name, string target)
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            var entry = archive.CreateEntry(name);
            entry.ExternalAttributes = unchecked((int)0xA1FF0000);
            using var content = entry.Open();
            content.Write(Encoding.UTF8.GetBytes(target));
        }

        return zip.ToArray();
    }

    /// <summary>One bit of the stored content is another.</summary>
    private static byte[] Flipped()
    {
        var zip = Code.ToArray();
        zip[40] ^= 1;
        return zip;
    }

    private sealed class ShiftedClock(TimeSpan shift) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + shift;
    }
}
