namespace Fnq.Dispatch;

/// <summary>The one way to have a request run, wherever its environment is. Implemented by Invocations.</summary>
public interface IInvoker
{
    ValueTask<InvocationResult> InvokeAsync(InvocationRequest request, CancellationToken cancellationToken);
}
