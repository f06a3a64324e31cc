namespace Fnq.Dispatch;

/// <summary>Runs a deployment somewhere in the fleet and brings the answer back.</summary>
public interface IInvoker
{
    ValueTask<InvocationResult> InvokeAsync(InvocationRequest request, CancellationToken cancellationToken);
}
