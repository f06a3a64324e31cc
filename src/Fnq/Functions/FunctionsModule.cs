using Fnq.AwsApi;
using Fnq.Dispatch;
using Fnq.Functions.EventConfigs;
using Fnq.Functions.EventSources;
using Fnq.Functions.Policies;
using Fnq.Functions.Urls;
using Fnq.Identity;
using Fnq.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Fnq.Functions;

/// <summary>
/// Functions: their store and the lambda service. Needs from elsewhere an <see cref="IInvoker"/> and, in the api role,
/// an <see cref="IFunctionChanges"/>.
/// </summary>
internal sealed class FunctionsModule(FunctionsOptions options) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<FunctionStore>();
        services.AddSingleton<FunctionCatalog>();
        services.AddSingleton<DeploymentCatalog>();
        services.AddSingleton<IDeployments>(provider => provider.GetRequiredService<DeploymentCatalog>());
        services.AddSingleton<ServerSecret>();
        services.AddSingleton(provider => new SessionTokens(
            provider.GetRequiredService<ServerSecret>().ReadAsync, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IFunctionCredentials, FunctionCredentialIssuer>();
        services.AddSingleton<CommittedChanges>();
        services.AddSingleton<RunningHops>();
        services.AddSingleton<ListMarker>();
        services.AddSingleton<PackageDownloads>();
        services.AddSingleton<EventInvokeConfigStore>();
        services.AddSingleton<EventInvokeConfigOperations>();
        services.AddSingleton<PolicyStore>();
        services.AddSingleton<PolicyOperations>();
        services.AddSingleton<FunctionUrlStore>();
        services.AddSingleton<FunctionUrlOperations>();
        services.AddSingleton<FunctionUrlCatalog>();
        services.AddSingleton<EventSourceStore>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<SourceQueues>(provider, new BrokerLink(options.AmqpUrl, "fnq event sources")));
        services.AddSingleton<EventSourceOperations>();
        services.AddSingleton<IQueueMappings, QueueMappings>();
        services.AddSingleton<InvokeEvent>();
        services.AddSingleton<InvokeFunction>();
        services.AddSingleton<IEventTargets, EventTargets>();
        services.AddSingleton<FunctionWrites>();
        services.AddSingleton<FunctionReads>();
        services.AddSingleton<AccountReads>();
        services.AddSingleton<TagOperations>();
        services.AddSingleton<LambdaOperations>();
        services.AddSingleton<IAwsService, LambdaService>();
    }

    public async Task ProvisionAsync(IServiceProvider services, CancellationToken cancellationToken) =>
        await services.GetRequiredService<ServerSecret>().ReadAsync(cancellationToken);

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapGet(
        PackageDownloads.Path,
        (string digest, HttpContext http, PackageDownloads downloads) => downloads.GetAsync(digest, http.Request, http.RequestAborted));
}
