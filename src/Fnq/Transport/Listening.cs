using System.Net.Sockets;

namespace Fnq.Transport;

/// <summary>How listeners are waited at.</summary>
internal static class Listening
{
    /// <summary>When the worker has no descriptor to spare: what is waiting stays in the backlog.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>The next connection; null once the listener is closed.</summary>
    public static async Task<Socket?> NextAsync(Socket listener, TimeProvider time)
    {
        while (true)
        {
            try
            {
                return await listener.AcceptAsync();
            }
            catch (ObjectDisposedException)
            {
                return null;
            }
            catch (SocketException e)
            {
                if (listener.SafeHandle.IsClosed)
                {
                    return null;
                }

                if (e.SocketErrorCode is not (SocketError.ConnectionAborted or SocketError.ConnectionReset))
                {
                    await Task.Delay(Pause, time);
                }
            }
        }
    }
}
