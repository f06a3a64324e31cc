using Fnq.Dispatch;
using Fnq.Execution.Sandboxes;

namespace Fnq.Execution;

/// <summary>What lets an AWS SDK inside a function reach Fnq with nothing but its variables: an endpoint and credentials of its role.</summary>
internal sealed class FunctionAccess(IFunctionCredentials credentials, ApiProxy proxy, ApiProxyOptions options, WorkerOptions worker)
{
    /// <summary>No environment may outlive its credentials, nor a run that began at its end.</summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(15);

    /// <summary>Before the sandbox is made: the database may be asked for the server's secret, once, and may be away.</summary>
    public ValueTask<FunctionCredentials> IssueAsync(Deployment deployment, CancellationToken cancellationToken) =>
        credentials.IssueAsync(deployment, worker.MaxLife + LongestRun, cancellationToken);

    /// <summary>Adds the variables; a function that names an endpoint of its own keeps it.</summary>
    public void Grant(FunctionCredentials issued, ISandbox sandbox, Dictionary<string, string> variables)
    {
        if ((sandbox.ApiAddress ?? options.Target?.Authority) is { } address)
        {
            variables.TryAdd("AWS_ENDPOINT_URL", $"http://{address}");
        }

        variables["AWS_ACCESS_KEY_ID"] = issued.AccessKeyId;
        variables["AWS_SECRET_ACCESS_KEY"] = issued.SecretAccessKey;
        variables["AWS_SESSION_TOKEN"] = issued.SessionToken;
    }

    /// <summary>Ends with the sandbox.</summary>
    public void Serve(ISandbox sandbox)
    {
        if (sandbox.ApiListener is { } listener)
        {
            _ = proxy.RunAsync(listener);
        }
    }
}
