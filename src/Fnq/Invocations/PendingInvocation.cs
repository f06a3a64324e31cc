using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>How far a sent request is known to have come.</summary>
internal enum RequestProgress
{
    /// <summary>Sent; on the fast path a warm environment takes it without a word, so it may have begun.</summary>
    Unknown,

    /// <summary>A worker holds it and waits for an environment.</summary>
    Held,
    Started,
}

internal enum LossDecision
{
    /// <summary>It had not begun: sent once more, under a new run id.</summary>
    Resend,

    /// <summary>It had begun, or nobody knows: answered 500, never run again.</summary>
    GiveUp,
}

/// <summary>One request on its lane, waiting for its reply.</summary>
/// <param name="sentAt">As <paramref name="givenUpAt"/> a timestamp of the process's clock.</param>
/// <param name="givenUpAt">From then on nobody will answer it any more.</param>
internal sealed class PendingInvocation(InvocationRequest request, long sentAt, long givenUpAt)
{
    public InvocationRequest Request { get; } = request;

    public long SentAt { get; } = sentAt;

    public long GivenUpAt { get; } = givenUpAt;

    public RequestProgress Progress { get; private set; }

    /// <summary>Its caller goes on in the turn that brings the reply.</summary>
    public TaskCompletionSource<InvocationResult?> Reply { get; } = new();

    public void Advance(RequestProgress progress) => Progress = progress > Progress ? progress : Progress;

    /// <summary>Handed on by its holder: the next one may take it without a word.</summary>
    public void Release() => Progress = Progress == RequestProgress.Held ? RequestProgress.Unknown : Progress;

    /// <summary>What to do when the platform reports that the worker which had the message is gone.</summary>
    public LossDecision OnLoss() => DecideLoss(Progress, Request.Delivery);

    public static LossDecision DecideLoss(RequestProgress progress, int delivery) =>
        progress == RequestProgress.Held && delivery == 1 ? LossDecision.Resend : LossDecision.GiveUp;
}
