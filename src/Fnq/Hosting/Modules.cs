using Fnq.AwsApi;
using Fnq.Billing;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution;
using Fnq.Functions;
using Fnq.Functions.Changes;
using Fnq.Identity;
using Fnq.Invocations;
using Fnq.Invocations.Events;
using Fnq.Messaging;
using Fnq.Schedules;
using Fnq.Storage;
using Fnq.Triggers;
using Fnq.Triggers.Http;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.Hosting;

/// <summary>A role is a list of modules; a process is the union of its roles, each module once.</summary>
internal static class Modules
{
    public static IReadOnlyList<IModule> For(FnqSettings settings, NodeId node)
    {
        var billing = new BillingOptions
        {
            DataFolder = settings.DataFolder,
            PlatformAmqpUrl = settings.PlatformAmqpUrl,
            Strict = settings.StrictBilling,
            JournalMaxBytes = (long)settings.JournalMb << 20,
        };
        List<IModule> modules = [new StorageModule(settings.PostgresUrl), new NodesModule(node, settings.Roles)];
        var invokes = settings.Has(RoleTable.Api) || settings.Has(RoleTable.Triggers);
        var worker = settings.Has(RoleTable.Worker);
        if (invokes || worker)
        {
            modules.Add(new JournalModule(billing));
        }

        modules.Add(new FunctionsModule(new FunctionsOptions { AmqpUrl = settings.AmqpUrl }));
        if (worker)
        {
            modules.Add(new ExecutionModule(ExecutionOf(settings)));
            modules.Add(new LanesModule(new LaneOptions(settings.PlatformAmqpUrl, AlwaysInLane: !invokes || !settings.LocalHandoff)));
        }

        if (invokes)
        {
            modules.Add(new InvocationsModule(settings.PlatformAmqpUrl, settings.LocalHandoff));
        }

        if (invokes || settings.Has(RoleTable.Scheduler))
        {
            modules.Add(new EventsModule(new EventsOptions
            {
                PlatformAmqpUrl = settings.PlatformAmqpUrl,
                AmqpUrl = settings.AmqpUrl,
                WebhookAllow = settings.WebhookAllow,
                Retention = settings.EventRetention,
            }));
        }

        modules.Add(BusOf(settings, node));
        modules.Add(new ChangesModule());
        if (settings.Has(RoleTable.Triggers))
        {
            modules.Add(new TriggersModule(new TriggersOptions
            {
                AmqpUrl = settings.AmqpUrl,
                Visibility = settings.QueueVisibility,
                ReceivesMax = settings.QueueReceivesMax,
            }));
        }

        if (settings.Has(RoleTable.Scheduler))
        {
            // Several may run: the broker shares the batches out, and a record is inserted once whoever writes it.
            modules.Add(new RecorderModule(billing));
            modules.Add(new ScheduleClockModule());
        }

        if (settings.Has(RoleTable.Api))
        {
            modules.Add(new IdentityModule(IdentityOf(settings)));
            modules.Add(new AwsApiModule());
            modules.Add(new HttpTriggersModule());
            modules.Add(new SchedulesModule());
        }

        return modules;
    }

    private static ExecutionOptions ExecutionOf(FnqSettings settings) => new()
    {
        DataFolder = settings.DataFolder,
        RuntimesFolder = settings.RuntimesFolder,
        Sandbox = settings.Sandbox,
        Production = settings.Production,
        OciRuntime = settings.OciRuntime,
        OciRuntimeArguments = settings.OciRuntimeArguments,
        PreparedSlots = settings.PreparedSlots,
        SandboxStateFolder = settings.SandboxStateFolder,
        CodeCacheBytes = (long)settings.CodeCacheMb << 20,
        Worker = settings.Worker,
        Egress = settings.Egress,
        ApiUrl = settings.ApiUrl,
    };

    private static BusModule BusOf(FnqSettings settings, NodeId node) => new(
        settings.PlatformAmqpUrl, node,
        bus =>
        {
            bus.AddConsumer<FunctionChangedConsumer>();
            bus.AddConsumer<FunctionChangeAcknowledgedConsumer>();
        },
        (context, rabbit) =>
        {
            // Only triggers run events; every api takes them in.
            if (settings.Has(RoleTable.Triggers))
            {
                context.GetRequiredService<EventEndpoints>().Add(rabbit);
            }
        });

    private static IdentityOptions IdentityOf(FnqSettings settings)
    {
        var (id, secret) = Credentials.Of(settings);
        return new IdentityOptions { AccountId = settings.AccountId, AccessKeyId = id, SecretAccessKey = secret };
    }
}
