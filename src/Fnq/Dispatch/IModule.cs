using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.Dispatch;

/// <summary>A feature: what it registers, what it provisions before the process serves, what it maps. A role is a list of modules.</summary>
internal interface IModule
{
    void Register(IServiceCollection services);

    /// <summary>Makes queues, folders and the like; idempotent, and several processes may do it at once.</summary>
    Task ProvisionAsync(IServiceProvider services, CancellationToken cancellationToken) => Task.CompletedTask;

    void Map(IEndpointRouteBuilder endpoints)
    {
    }
}
