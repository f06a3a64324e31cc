using Fnq.Identity;
using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>One signed request that was verified: who asks, in which region, and the whole body.</summary>
internal sealed class AwsRequest
{
    public required HttpContext Http { get; init; }
    public required Caller Caller { get; init; }

    /// <summary>From the credential scope; a name space of its own.</summary>
    public required string Region { get; init; }

    /// <summary>Also the answer's x-amzn-RequestId.</summary>
    public required Guid RequestId { get; init; }

    /// <summary>The path as it came, still percent-encoded, without the query.</summary>
    public required string RawPath { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }

    public CancellationToken Aborted => Http.RequestAborted;
}

/// <summary>One AWS service behind the port; chosen by the service of the SigV4 credential scope.</summary>
internal interface IAwsService
{
    string SigningName { get; }

    /// <summary>How many bytes of body this request may bring; asked before any is read.</summary>
    long MaxBodyBytes(HttpContext http);

    /// <summary>The service's wording for a body over <see cref="MaxBodyBytes"/>.</summary>
    /// <param name="http">The request, its body not read or not read to the end.</param>
    /// <param name="bytes">The announced length; for a body of unknown length what was seen before reading stopped.</param>
    AwsException BodyTooLarge(HttpContext http, long bytes);

    /// <summary>
    /// What a request asks for, in the words of policies, such as <c>lambda:CreateFunction</c>; null when it asks for nothing
    /// known. It may be nobody's yet: nothing is done, and the body is empty until it was read.
    /// </summary>
    string? ActionOf(HttpContext http, ReadOnlyMemory<byte> body);

    /// <summary>What the request would act on: an ARN, or <c>*</c>.</summary>
    string ResourceOf(AwsRequest request) => "*";

    ValueTask HandleAsync(AwsRequest request);

    /// <summary>Writes an error in the service's own protocol. Header x-amzn-RequestId is already set.</summary>
    ValueTask WriteErrorAsync(HttpContext http, Guid requestId, AwsException error);
}
