using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>Writes an answer at the pace of its reader, and not for one who has stopped reading.</summary>
internal static class ResponseBody
{
    private const int PieceBytes = 64 * 1024;

    /// <summary>
    /// For each piece. The web server's own minimum rate counts what the kernel took in a moment as time earned: after 6 MB
    /// it lets a reader stand still for hours.
    /// </summary>
    private static readonly TimeSpan PieceLimit = TimeSpan.FromSeconds(10);

    public static async ValueTask WriteAsync(HttpContext http, ReadOnlyMemory<byte> body)
    {
        if (body.Length <= PieceBytes)
        {
            await http.Response.BodyWriter.WriteAsync(body, http.RequestAborted);
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        try
        {
            for (; !body.IsEmpty; body = body[Math.Min(PieceBytes, body.Length)..])
            {
                limit.CancelAfter(PieceLimit);
                await http.Response.BodyWriter.WriteAsync(body[..Math.Min(PieceBytes, body.Length)], limit.Token);
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            // Nobody is left to tell.
            http.Abort();
        }
    }
}
