using System.Net.Security;
using Fnq.Contracts;
using Fnq.Dispatch;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.Messaging;

/// <summary>Where answers to a notice of this node go; known once the bus is configured.</summary>
internal sealed class NoticeAddress
{
    public Uri? Value { get; set; }
}

/// <summary>
/// The event plane's bus. Every publish and send is mandatory: without the flag a message that no queue takes is gone
/// without an error.
/// </summary>
/// <param name="addConsumers">Of the notices that go to every node.</param>
/// <param name="addEndpoints">Further queues that this process consumes.</param>
internal sealed class BusModule(
    string platformAmqpUrl, NodeId node, Action<IBusRegistrationConfigurator> addConsumers,
    Action<IBusRegistrationContext, IRabbitMqBusFactoryConfigurator>? addEndpoints = null) : IModule
{
    /// <summary>Notices handled at once: one that prepares a runtime takes minutes and must not hold up the others.</summary>
    private const int Notices = 64;

    /// <summary>A stop waits this long for messages that are being handled; the broker gives out again what is not done by then.</summary>
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(20);

    private const SslPolicyErrors AnyPolicyError = SslPolicyErrors.RemoteCertificateChainErrors
        | SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable;

    public void Register(IServiceCollection services)
    {
        var address = new NoticeAddress();
        services.AddSingleton(address);

        // A node that serves before its notice queue is bound would miss the first change.
        services.Configure<MassTransitHostOptions>(host =>
        {
            host.WaitUntilStarted = true;
            host.StopTimeout = DrainLimit;
        });
        services.AddMassTransit(bus =>
        {
            addConsumers(bus);
            bus.UsingRabbitMq((context, rabbit) =>
            {
                var url = new Uri(platformAmqpUrl);
                rabbit.Host(url, host =>
                {
                    if (url.Scheme == "amqps")
                    {
                        // By itself MassTransit takes a certificate of any authority.
                        host.UseSsl(ssl => ssl.EnforcePolicyErrors(AnyPolicyError));
                    }

                    host.Heartbeat(TimeSpan.FromSeconds(10));
                    host.PublisherConfirmation = true;
                });
                rabbit.ConfigurePublish(publish => publish.UseExecute(SetMandatory));
                rabbit.ConfigureSend(send => send.UseExecute(SetMandatory));
                rabbit.ReceiveEndpoint($"fnq.notices.{node}", endpoint =>
                {
                    // Gone with its process. A node that reconnects has missed notices and drops its caches.
                    endpoint.Durable = true;
                    endpoint.AutoDelete = true;
                    endpoint.PrefetchCount = Notices;
                    endpoint.ConcurrentMessageLimit = Notices;
                    endpoint.ConfigureConsumers(context);
                    address.Value = endpoint.InputAddress;
                });
                addEndpoints?.Invoke(context, rabbit);
            });
        });
    }

    private static void SetMandatory(SendContext context)
    {
        if (context is RabbitMqSendContext rabbit)
        {
            rabbit.Mandatory = true;
        }
    }
}
