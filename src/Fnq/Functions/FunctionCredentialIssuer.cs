using Fnq.Dispatch;
using Fnq.Identity;

namespace Fnq.Functions;

internal sealed class FunctionCredentialIssuer(SessionTokens tokens) : IFunctionCredentials
{
    public ValueTask<FunctionCredentials> IssueAsync(Deployment deployment, TimeSpan life, CancellationToken cancellationToken)
    {
        var (account, region, name) = deployment.Function;
        return tokens.IssueAsync(new FunctionPrincipal(account, region, name, deployment.Role), life, cancellationToken);
    }
}
