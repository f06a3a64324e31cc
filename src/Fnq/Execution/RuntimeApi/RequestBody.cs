using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.Execution.RuntimeApi;

/// <summary>Reads a body whole: straight into an array of its size when that is announced.</summary>
internal static class RequestBody
{
    /// <summary>Null when it is larger than allowed.</summary>
    public static async ValueTask<byte[]?> ReadAsync(IFeatureCollection context, int maxBytes)
    {
        var length = context.Get<IHttpRequestFeature>()!.Headers.ContentLength;
        if (length > maxBytes)
        {
            return null;
        }

        var reader = context.Get<IRequestBodyPipeFeature>()!.Reader;
        // The announced size is not trusted with memory before bytes have come.
        var body = length is { } known and <= 64 * 1024 ? new byte[known] : [];
        var filled = 0;
        while (true)
        {
            var result = await reader.ReadAsync();
            var buffer = result.Buffer;
            var size = (int)Math.Min(buffer.Length, maxBytes + 1L);
            if (filled + size > maxBytes)
            {
                reader.AdvanceTo(buffer.End);
                return null;
            }

            if (body.Length < filled + size)
            {
                Array.Resize(ref body, (int)Math.Min(length ?? maxBytes, Math.Max(filled + size, Math.Max(4096, body.Length * 2L))));
            }

            buffer.CopyTo(body.AsSpan(filled));
            filled += size;
            reader.AdvanceTo(buffer.End);
            if (result.IsCompleted)
            {
                return filled == body.Length ? body : body[..filled];
            }
        }
    }
}
