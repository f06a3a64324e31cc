using Fnq.AwsApi;
using Fnq.Functions;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>EventBridge Scheduler, rest-json: schedules of the default group.</summary>
internal sealed class SchedulerService : IAwsService
{
    private const string Schedule = "/schedules/{Name}";
    private const int MaxBody = 1_048_576;
    private readonly RestJsonRouter _router;
    private readonly OperationGate _gate;

    public SchedulerService(SchedulerOperations operations, OperationGate gate)
    {
        _gate = gate;
        _router = new RestJsonRouter(new(MaxBody, _ => FunctionErrors.TooLarge($"Request must be smaller than {MaxBody} bytes.")))
            .Map("GET", "/schedules", operations.ListAsync, action: "scheduler:ListSchedules")
            .Map("POST", Schedule, operations.CreateAsync, action: "scheduler:CreateSchedule")
            .Map("GET", Schedule, operations.GetAsync, action: "scheduler:GetSchedule")
            .Map("PUT", Schedule, operations.UpdateAsync, action: "scheduler:UpdateSchedule")
            .Map("DELETE", Schedule, operations.DeleteAsync, action: "scheduler:DeleteSchedule");
    }

    public string SigningName => "scheduler";

    public long MaxBodyBytes(HttpContext http) => _router.LimitOf(http).Bytes;

    public AwsException BodyTooLarge(HttpContext http, long bytes) => _router.LimitOf(http).TooLarge(bytes);

    public string? ActionOf(HttpContext http, ReadOnlyMemory<byte> body) => _router.ActionOf(http);

    public ValueTask HandleAsync(AwsRequest request) => _gate.RunAsync(() => _router.DispatchAsync(request), request.Aborted);

    public ValueTask WriteErrorAsync(HttpContext http, Guid requestId, AwsException error) => RestJson.WriteErrorAsync(http, error);
}
