namespace Fnq.Amqp;

/// <summary>The channel or its connection is closed: what was asked may or may not have come to the broker.</summary>
/// <param name="code">AMQP's reply code, as 404; 0 when the broker said nothing.</param>
internal sealed class AmqpClosedException(int code, string reason, Exception? cause = null)
    : IOException(code == 0 ? reason : $"{code} {reason}", cause)
{
    /// <summary>Said by either side that closes on purpose.</summary>
    public const int ClosedHere = 200;
    public const int NotFound = 404;

    public int Code => code;
}
