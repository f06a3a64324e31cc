using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.Execution.RuntimeApi;

internal enum BodyEnd
{
    Whole,
    TooLarge,

    /// <summary>Cut off or malformed, by who may still hear an answer.</summary>
    Malformed,

    /// <summary>The connection is gone.</summary>
    Gone,
}

/// <summary>What was read of a body.</summary>
/// <param name="Bytes">All of it, or the beginning of one that is too large.</param>
internal readonly record struct BodyRead(byte[] Bytes, BodyEnd End)
{
    public bool IsWhole => End == BodyEnd.Whole;

    public bool IsBroken => End is BodyEnd.Malformed or BodyEnd.Gone;
}

/// <summary>Reads a body whole: straight into an array of its size when that is announced.</summary>
internal static class RequestBody
{
    /// <summary>
    /// Of a body that is too large, so much is read past after the answer, for clients that look for it only when they have
    /// sent all. Whoever goes on after that is cut off.
    /// </summary>
    private const long DrainedBytes = 32 * 1024 * 1024;

    /// <param name="keptBytes">How much is kept of a body that turns out larger than allowed.</param>
    public static async ValueTask<BodyRead> ReadAsync(IFeatureCollection context, int maxBytes, int keptBytes)
    {
        try
        {
            return await ReadAllAsync(context, maxBytes, keptBytes);
        }
        catch (Exception e) when (e is BadHttpRequestException or IOException { InnerException: OverflowException })
        {
            // The second is how Kestrel says that a chunk's size is no number.
            return new BodyRead([], BodyEnd.Malformed);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return new BodyRead([], BodyEnd.Gone);
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

        CutOff(context);
    }

    /// <summary>Kestrel may not know yet that a connection is gone, and would log an error as it tries to read the rest.</summary>
    public static void CutOff(IFeatureCollection context) => context.Get<IHttpRequestLifetimeFeature>()!.Abort();

    private static async ValueTask<BodyRead> ReadAllAsync(IFeatureCollection context, int maxBytes, int keptBytes)
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
                return new BodyRead(body[..Math.Min(filled, keptBytes)], BodyEnd.TooLarge);
            }

            if (result.IsCompleted)
            {
                return new BodyRead(filled == body.Length ? body : body[..filled], isTooLarge ? BodyEnd.TooLarge : BodyEnd.Whole);
            }
        }

        return new BodyRead(body[..filled], BodyEnd.TooLarge);
    }
}
