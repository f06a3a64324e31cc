using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.Execution.RuntimeApi;

/// <summary>What was read of a body.</summary>
/// <param name="Bytes">All of it, or the beginning of one that is too large.</param>
internal readonly record struct BodyRead(byte[] Bytes, bool IsWhole);

/// <summary>Reads a body whole: straight into an array of its size when that is announced.</summary>
internal static class RequestBody
{
    /// <summary>
    /// Of a body that is too large, so much is read past after the answer, for clients that look for it only when they have
    /// sent all. Whoever goes on after that is cut off.
    /// </summary>
    private const long DrainedBytes = 32 * 1024 * 1024;

    /// <summary>Null when the connection broke or the body is malformed.</summary>
    /// <param name="keptBytes">How much is kept of a body that turns out larger than allowed.</param>
    public static async ValueTask<BodyRead?> TryReadAsync(IFeatureCollection context, int maxBytes, int keptBytes)
    {
        try
        {
            return await ReadAsync(context, maxBytes, keptBytes);
        }
        catch (Exception e) when (e is BadHttpRequestException or IOException { InnerException: OverflowException })
        {
            // The second is how Kestrel says that a chunk's size is no number.
            return null;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The connection is gone. Kestrel may not know yet, and would log an error as it tries to read the rest.
            context.Get<IHttpRequestLifetimeFeature>()!.Abort();
            return null;
        }
    }

    public static async ValueTask DrainAsync(IFeatureCollection context)
    {
        try
        {
            var reader = context.Get<IRequestBodyPipeFeature>()!.Reader;
            for (var drained = 0L; drained < DrainedBytes;)
            {
                var result = await reader.ReadAsync();
                drained += result.Buffer.Length;
                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Gone, or no HTTP any more: cut off as well.
        }

        context.Get<IHttpRequestLifetimeFeature>()!.Abort();
    }

    private static async ValueTask<BodyRead> ReadAsync(IFeatureCollection context, int maxBytes, int keptBytes)
    {
        var length = context.Get<IHttpRequestFeature>()!.Headers.ContentLength;
        var isTooLarge = length > maxBytes;
        if (isTooLarge)
        {
            // Known before a byte has come; what is not kept is not even read.
            maxBytes = keptBytes;
        }

        var reader = context.Get<IRequestBodyPipeFeature>()!.Reader;
        // The announced size is not trusted with memory before bytes have come.
        var body = length is { } known and <= 64 * 1024 ? new byte[known] : [];
        var filled = 0;
        while (!(isTooLarge && filled == keptBytes))
        {
            var result = await reader.ReadAsync();
            var size = (int)Math.Min(result.Buffer.Length, maxBytes - filled);
            if (body.Length < filled + size)
            {
                Array.Resize(ref body, (int)Math.Min(length ?? maxBytes, Math.Max(filled + size, Math.Max(4096, body.Length * 2L))));
            }

            var isBeyond = size < result.Buffer.Length;
            result.Buffer.Slice(0, size).CopyTo(body.AsSpan(filled));
            filled += size;
            reader.AdvanceTo(result.Buffer.End);
            if (isBeyond)
            {
                return new BodyRead(body[..Math.Min(filled, keptBytes)], false);
            }

            if (result.IsCompleted)
            {
                return new BodyRead(filled == body.Length ? body : body[..filled], !isTooLarge);
            }
        }

        return new BodyRead(body[..filled], false);
    }
}
