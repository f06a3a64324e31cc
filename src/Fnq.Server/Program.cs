using System.CommandLine;
using Fnq.Server;

// A stop drains runs and removes sandboxes; after the library's own 2 s it would end the process in the middle of that.
var patientStop = new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(2) };

return await new RootCommand("Fnq: functions on your own machines, spoken to as AWS Lambda")
{
    ServeVerb.Command(),
    RuntimesVerb.Command(),
    LogsVerb.Command(),
    UsageVerb.Command(),
    EventsVerb.Command(),
    TriggersVerb.Command(),
    DemoVerb.Command(),
    EnvVerb.Command(),
    HealthVerb.Command(),
}.Parse(args).InvokeAsync(patientStop);
