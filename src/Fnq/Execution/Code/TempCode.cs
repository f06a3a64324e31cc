using Fnq.Dispatch;
using Fnq.Functions.Packages;

namespace Fnq.Execution.Code;

internal sealed class CodeCache(string folder)
{
    public string Folder => folder;
}

internal sealed class PackageFolders(CodeCache cache, IDeployments deployments) : ICodeFolders
{
    public async ValueTask<CodeFolders> PrepareAsync(Deployment deployment, CancellationToken cancellationToken)
    {
        var to = Path.Combine(cache.Folder, deployment.CodeDigest);
        if (!Directory.Exists(to))
        {
            var zip = await deployments.ReadPackageAsync(deployment.CodeDigest, cancellationToken);
            var tmp = to + ".tmp" + Guid.NewGuid().ToString("N");
            Directory.CreateDirectory(tmp);
            foreach (var e in PackageReader.Read(zip))
            {
                var p = Path.Combine(tmp, e.Path);
                if (e.Kind == PackageEntryKind.File)
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(p)!);
                    await using (var f = File.Create(p))
                    {
                        await e.Open().CopyToAsync(f, cancellationToken);
                    }

                    File.SetUnixFileMode(p, e.Mode);
                }
            }

            Directory.Move(tmp, to);
        }

        return new CodeFolders(to, null);
    }
}
