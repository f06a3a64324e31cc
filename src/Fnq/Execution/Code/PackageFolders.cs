using Fnq.Dispatch;

namespace Fnq.Execution.Code;

/// <summary>The folder of a deployment's code on this host; fetched and unpacked once per digest.</summary>
internal sealed class PackageFolders(CodeCache cache, IDeployments deployments) : ICodeFolders
{
    public async ValueTask<CodeFolders> PrepareAsync(Deployment deployment, CancellationToken cancellationToken)
    {
        var code = await cache.AcquireAsync(
            deployment.CodeDigest, token => deployments.ReadPackageAsync(deployment.CodeDigest, token), cancellationToken);
        return new CodeFolders(code.Folder, LayersFolder: null, code);
    }
}
