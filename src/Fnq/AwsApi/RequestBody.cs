using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.AwsApi;

/// <summary>Reads a whole body, and never more than it may have.</summary>
internal static class RequestBody
{
    /// <summary>Nobody gets a large buffer for a mere announcement: it grows as the bytes come.</summary>
    private const int MaxUpfront = BodyBudget.FreeBytes;
    private const int UnknownUpfront = 4096;

    /// <exception cref="AwsException">The service's words for a body over its limit.</exception>
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(HttpContext http, IAwsService? service, long max, BodyBudget budget)
    {
        var announced = http.Request.ContentLength;
        if (announced > max)
        {
            throw TooLarge(service, http, announced.Value);
        }

        // The limit is ours to enforce: the server's own counts chunk headers too and knows no service.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } serverLimit)
        {
            serverLimit.MaxRequestBodySize = null;
        }

        var hasBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;
        if (announced == 0 || (announced is null && !hasBody))
        {
            return ReadOnlyMemory<byte>.Empty;
        }

        return announced is { } length
            ? await ReadKnownAsync(http, (int)length, budget)
            : await ReadUnknownAsync(http, service, max, budget);
    }

    private static async ValueTask<ReadOnlyMemory<byte>> ReadKnownAsync(HttpContext http, int length, BodyBudget budget)
    {
        var body = GC.AllocateUninitializedArray<byte>(Math.Min(length, MaxUpfront));
        IDisposable? share = null;
        var read = 0;
        while (read < length)
        {
            if (read == body.Length)
            {
                var larger = (int)Math.Min(length, body.Length * 2L);
                budget.Take(http, ref share, larger - body.Length);
                Array.Resize(ref body, larger);
            }

            var count = await http.Request.Body.ReadAsync(body.AsMemory(read), http.RequestAborted);
            if (count == 0)
            {
                throw new BadHttpRequestException("The body ended before its announced length.", StatusCodes.Status400BadRequest);
            }

            read += count;
        }

        return body;
    }

    private static async ValueTask<ReadOnlyMemory<byte>> ReadUnknownAsync(HttpContext http, IAwsService? service, long max, BodyBudget budget)
    {
        // One byte more than allowed is enough to know.
        var cap = max + 1;
        var body = ArrayPool<byte>.Shared.Rent((int)Math.Min(cap, UnknownUpfront));
        IDisposable? share = null;
        var read = 0;
        try
        {
            int count;
            while ((count = await http.Request.Body.ReadAsync(body.AsMemory(read, (int)Math.Min(cap, body.Length) - read), http.RequestAborted)) > 0)
            {
                read += count;
                if (read > max)
                {
                    throw TooLarge(service, http, read);
                }

                if (read == body.Length)
                {
                    if (body.Length >= BodyBudget.FreeBytes)
                    {
                        budget.Take(http, ref share, body.Length);
                    }

                    var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(cap, body.Length * 2L));
                    body.CopyTo(larger, 0);
                    ArrayPool<byte>.Shared.Return(body);
                    body = larger;
                }
            }

            return body.AsSpan(0, read).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(body);
        }
    }

    private static AwsException TooLarge(IAwsService? service, HttpContext http, long bytes) =>
        service?.BodyTooLarge(http, bytes)
        ?? new AwsException(StatusCodes.Status413PayloadTooLarge, "RequestEntityTooLargeException", "The request body is too large.", MessageMember.LowerWithoutType);
}
