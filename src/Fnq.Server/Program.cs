using System.CommandLine;
using Fnq.Server;

return await new RootCommand("Fnq: functions on your own machines, spoken to as AWS Lambda")
{
    ServeVerb.Command(),
    RuntimesVerb.Command(),
    LogsVerb.Command(),
    UsageVerb.Command(),
    DemoVerb.Command(),
    EnvVerb.Command(),
    HealthVerb.Command(),
}.Parse(args).InvokeAsync();
