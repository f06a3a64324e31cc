using Fnq.Dispatch;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.Triggers.Http;

/// <summary>Function URLs, for processes with the api role. The host puts <see cref="UrlFront"/> before everything else of its port.</summary>
internal sealed class HttpTriggersModule : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton<UrlCallers>();
        services.AddSingleton<UrlInvoker>();
        services.AddSingleton<UrlFront>();
    }
}
