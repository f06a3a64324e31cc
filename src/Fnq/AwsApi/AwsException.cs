namespace Fnq.AwsApi;

/// <summary>Which member names the message: AWS's exceptions differ (lambda-api section 0).</summary>
internal enum MessageMember
{
    /// <summary><c>{"Type":"User","Message":…}</c></summary>
    Capital,

    /// <summary><c>{"Type":"User","message":…}</c></summary>
    Lower,

    /// <summary><c>{"Message":…}</c>, no Type: AccessDenied, which comes from before the service.</summary>
    CapitalWithoutType,

    /// <summary><c>{"message":…}</c>, no Type: exceptions outside the service model.</summary>
    LowerWithoutType,
}

/// <summary>An error as AWS words it. The service writes it in its own protocol.</summary>
internal sealed class AwsException(int status, string type, string message, MessageMember member = MessageMember.Capital)
    : Exception(message.Length <= MaxMessage ? message : message[..MaxMessage] + "... (cut)")
{
    /// <summary>AWS repeats a refused value in its sentence; of a value of megabytes this much is enough.</summary>
    private const int MaxMessage = 8_192;

    public int Status { get; } = status;

    /// <summary>The exception's name: header x-amzn-ErrorType.</summary>
    public string Type { get; } = type;

    public MessageMember Member { get; } = member;

    /// <summary>Throttles carry a reason beside the message.</summary>
    public string? Reason { get; init; }

    /// <summary>Header Retry-After, in seconds.</summary>
    public int? RetryAfterSeconds { get; init; }
}
