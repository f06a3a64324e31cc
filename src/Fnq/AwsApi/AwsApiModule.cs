using Fnq.Dispatch;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.AwsApi;

/// <summary>The port's front and the services that need no feature of their own. The host makes <see cref="AwsFront"/> its terminal handler.</summary>
internal sealed class AwsApiModule : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton(_ => BodyBudget.OfThisMachine());
        services.AddSingleton<AwsFront>();
        services.AddSingleton<IAwsService, StsService>();
    }
}
