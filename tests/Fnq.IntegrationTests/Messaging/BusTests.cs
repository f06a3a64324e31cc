using Fnq.Contracts;
using Fnq.IntegrationTests.Cluster;
using Fnq.Messaging;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Fnq.IntegrationTests.Messaging;

/// <summary>The traps of the bus, closed: a message that no queue takes is an error, and a notice comes back acknowledged.</summary>
public sealed class BusTests(ServersFixture servers) : IClassFixture<ServersFixture>
{
    [Fact]
    public async Task Publishing_what_nobody_consumes_fails()
    {
        await using var node = await StartNodeAsync("lonely", _ => { });
        var published = node.Bus.Publish(Change("nobody"), new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);
        await Assert.ThrowsAsync<MessageReturnedException>(() => published);
    }

    [Fact]
    public async Task Sending_to_an_exchange_without_a_queue_fails()
    {
        await using var node = await StartNodeAsync("sender", _ => { });
        var endpoint = await node.Bus.GetSendEndpoint(new Uri("exchange:fnq.nowhere"));
        var sent = endpoint.Send(Change("nobody"), new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);
        await Assert.ThrowsAsync<MessageReturnedException>(() => sent);
    }

    [Fact]
    public async Task A_notice_reaches_every_node_and_is_answered_to_the_one_that_asked()
    {
        await using var first = await StartNodeAsync("first", bus => bus.AddConsumer<Answering>());
        await using var second = await StartNodeAsync("second", bus =>
        {
            bus.AddConsumer<Answering>();
            bus.AddConsumer<Listening>();
        });
        await second.Bus.Publish(Change("f"), context => context.ResponseAddress = second.Address.Value);
        var heard = second.Services.GetRequiredService<Heard>();
        await Until.TrueAsync(() => heard.Nodes.Count == 2, "both nodes have answered");
        Assert.Equal(["first", "second"], heard.Nodes.Order());
        Assert.Empty(first.Services.GetRequiredService<Heard>().Nodes);
    }

    private async Task<BusNode> StartNodeAsync(string name, Action<IBusRegistrationConfigurator> consumers)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton<Heard>();
        builder.Services.AddSingleton(typeof(NodeId), new NodeId(name));
        new BusModule(servers.Servers.PlatformAmqpUrl, new NodeId(name), consumers).Register(builder.Services);
        var host = builder.Build();
        await host.StartAsync();
        return new BusNode(host);
    }

    private static FunctionChanged Change(string name) => new()
    {
        Function = new FunctionKey("123456789012", "us-east-1", name),
        RevisionId = "r1",
        Deployment = new DeploymentId("d-1"),
    };

    private sealed class BusNode(IHost host) : IAsyncDisposable
    {
        public IServiceProvider Services => host.Services;

        public IBus Bus => host.Services.GetRequiredService<IBus>();

        public NoticeAddress Address => host.Services.GetRequiredService<NoticeAddress>();

        public async ValueTask DisposeAsync()
        {
            await host.StopAsync();
            host.Dispose();
        }
    }

    public sealed class Heard
    {
        private readonly List<string> _nodes = [];

        public IReadOnlyList<string> Nodes
        {
            get
            {
                lock (_nodes)
                {
                    return [.. _nodes];
                }
            }
        }

        public void Add(string node)
        {
            lock (_nodes)
            {
                _nodes.Add(node);
            }
        }
    }

    public sealed class Answering(NodeId node) : IConsumer<FunctionChanged>
    {
        public Task Consume(ConsumeContext<FunctionChanged> context) => context.RespondAsync(new FunctionChangeAcknowledged
        {
            Function = context.Message.Function,
            RevisionId = context.Message.RevisionId,
            Node = node,
            CanRun = null,
        });
    }

    public sealed class Listening(Heard heard) : IConsumer<FunctionChangeAcknowledged>
    {
        public Task Consume(ConsumeContext<FunctionChangeAcknowledged> context)
        {
            heard.Add(context.Message.Node.Value);
            return Task.CompletedTask;
        }
    }
}
