using Fnq.AwsApi;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>EventBridge, JSON 1.1: its rules that are schedules.</summary>
internal sealed class EventBridgeService : IAwsService
{
    private const string Prefix = "AWSEvents.";
    private const int MaxBody = 1_048_576;
    private readonly Dictionary<string, Func<AwsRequest, ValueTask>> _operations;
    private readonly OperationGate _gate;

    public EventBridgeService(RuleOperations rules, OperationGate gate)
    {
        _gate = gate;
        _operations = new(StringComparer.Ordinal)
        {
            ["PutRule"] = rules.PutRuleAsync,
            ["DescribeRule"] = rules.DescribeRuleAsync,
            ["ListRules"] = rules.ListRulesAsync,
            ["EnableRule"] = rules.EnableRuleAsync,
            ["DisableRule"] = rules.DisableRuleAsync,
            ["DeleteRule"] = rules.DeleteRuleAsync,
            ["PutTargets"] = rules.PutTargetsAsync,
            ["RemoveTargets"] = rules.RemoveTargetsAsync,
            ["ListTargetsByRule"] = rules.ListTargetsByRuleAsync,
        };
    }

    public string SigningName => "events";

    public long MaxBodyBytes(HttpContext http) => MaxBody;

    public AwsException BodyTooLarge(HttpContext http, long bytes) =>
        new(StatusCodes.Status413PayloadTooLarge, "RequestEntityTooLargeException", $"Request must be smaller than {MaxBody} bytes.", MessageMember.Lower);

    public string? ActionOf(HttpContext http, ReadOnlyMemory<byte> body) =>
        AwsJson.OperationOf(http, Prefix) is var operation && _operations.ContainsKey(operation) ? $"events:{operation}" : null;

    public ValueTask HandleAsync(AwsRequest request) =>
        request.RawPath == "/" && _operations.TryGetValue(AwsJson.OperationOf(request.Http, Prefix), out var operation)
            ? _gate.RunAsync(() => operation(request), request.Aborted)
            : throw AwsJson.UnknownOperation();

    public ValueTask WriteErrorAsync(HttpContext http, Guid requestId, AwsException error) => AwsJson.WriteErrorAsync(http, error);
}
