using System.Text;
using System.Text.Json;
using Fnq.AwsApi;
using Fnq.Dispatch;

namespace Fnq.Functions.EventSources;

/// <summary>The rules of event source mappings (lambda-api section 5), pure; whether function and queue are there has to be looked up.</summary>
internal static class EventSourceRules
{
    public const string BatchItemFailures = "ReportBatchItemFailures";

    /// <summary>A name of AMQP.</summary>
    private const int QueueBytesMax = 255;
    private const int BatchMax = 10_000;
    private const int WindowSecondsMax = 300;
    private const int FiltersMax = 5;

    /// <summary>A batch of more than this needs a window to be gathered in.</summary>
    private const int BatchWithoutWindow = 10;
    private const int DefaultSqsBatch = 10;
    private const int DefaultBrokerBatch = 100;
    private const string AnyVirtualHost = "VIRTUAL_HOST";
    private const string BasicAuth = "BASIC_AUTH";

    /// <summary>Members of AWS's that a queue has not.</summary>
    private static readonly string[] OfStreams =
    [
        "StartingPosition", "StartingPositionTimestamp", "ParallelizationFactor", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError",
        "MaximumRetryAttempts", "TumblingWindowInSeconds", "Topics", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig",
        "AmazonManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig",
    ];

    /// <summary>Members of AWS's that a queue has, and Fnq has not.</summary>
    private static readonly (string Member, string What)[] NotHere =
    [
        ("KMSKeyArn", "Encrypted filter criteria are"), ("MetricsConfig", "Metrics of event source mappings are"),
        ("ProvisionedPollerConfig", "Provisioned pollers are"), ("LoggingConfig", "Logs of event source mappings are"),
    ];

    public static void Check(EventSourceRequest request)
    {
        new Constraints()
            .Range("batchSize", request.BatchSize, 1, BatchMax)
            .Range("maximumBatchingWindowInSeconds", request.MaximumBatchingWindowInSeconds, 0, WindowSecondsMax)
            .Range("scalingConfig.maximumConcurrency", request.ScalingConfig?.MaximumConcurrency, 2, 1_000)
            .Each("functionResponseTypes", request.FunctionResponseTypes, type => type == BatchItemFailures, $"Member must satisfy enum value set: [{BatchItemFailures}]")
            .Count("functionResponseTypes", request.FunctionResponseTypes, 0, 1)
            .Count("queues", request.Queues, 1, 1)
            .ThrowIfAny();
        foreach (var (name, value) in request.Others ?? [])
        {
            if (OfStreams.Contains(name) && AsksForSomething(value))
            {
                throw FunctionErrors.InvalidParameter($"Unsupported {name} parameter for given event source mapping type.");
            }

            if (Array.Find(NotHere, each => each.Member == name) is { What: { } what } && AsksForSomething(value))
            {
                throw FunctionErrors.NotInFnq(what);
            }
        }

        if (IsSet(request.DestinationConfig?.OnFailure) || IsSet(request.DestinationConfig?.OnSuccess))
        {
            throw FunctionErrors.NotInFnq("Destinations of event source mappings are");
        }

        if (request.Tags is { Count: > 0 })
        {
            throw FunctionErrors.NotInFnq("Tags of event source mappings are");
        }

        CheckFilters(request.FilterCriteria);
    }

    /// <summary>The row that Create makes, its function still to be looked up.</summary>
    public static EventSourceRow Create(EventSourceRequest request, FunctionReference function, Guid id, DateTimeOffset now)
    {
        var arn = request.EventSourceArn
            ?? throw FunctionErrors.InvalidParameter("The request must specify an event source: EventSourceArn is missing.");
        var source = EventSource.Parse(arn);
        if (source.Region != function.Function.Region || source.AccountId != function.Function.AccountId)
        {
            throw FunctionErrors.InvalidParameter("Unrecognized event source.");
        }

        var isSqs = source.Shape == QueueEventShape.Sqs;
        return Checked(new EventSourceRow
        {
            Id = id,
            AccountId = function.Function.AccountId,
            Region = function.Function.Region,
            FunctionName = function.Function.Name,
            Qualifier = function.Qualifier,
            SourceArn = arn,
            Shape = source.Shape,
            Queue = isSqs ? SqsQueue(source.Queue!, request) : BrokerQueue(request),
            SourceAccess = isSqs ? [] : Access(request.SourceAccessConfigurations),
            BatchSize = request.BatchSize ?? (isSqs ? DefaultSqsBatch : DefaultBrokerBatch),
            WindowSeconds = request.MaximumBatchingWindowInSeconds ?? 0,
            MaximumConcurrency = request.ScalingConfig?.MaximumConcurrency,
            Filters = FiltersOf(request.FilterCriteria),
            ResponseTypes = request.FunctionResponseTypes ?? [],
            Enabled = request.Enabled ?? true,
            Revision = 1,
            LastModified = now,
        });
    }

    /// <summary>The row with what Update gives; a member that is given is replaced as a whole.</summary>
    public static EventSourceRow Merge(EventSourceRow row, EventSourceRequest request, FunctionReference? function, DateTimeOffset now)
    {
        if (row.Shape == QueueEventShape.Sqs && request.SourceAccessConfigurations is { Count: > 0 })
        {
            throw FunctionErrors.InvalidParameter("Unsupported SourceAccessConfigurations parameter for given event source mapping type.");
        }

        return Checked(row with
        {
            FunctionName = function?.Function.Name ?? row.FunctionName,
            Qualifier = function is { } other ? other.Qualifier : row.Qualifier,
            SourceAccess = request.SourceAccessConfigurations is { } access ? Access(access) : row.SourceAccess,
            BatchSize = request.BatchSize ?? row.BatchSize,
            WindowSeconds = request.MaximumBatchingWindowInSeconds ?? row.WindowSeconds,
            MaximumConcurrency = request.ScalingConfig is { } scaling ? scaling.MaximumConcurrency : row.MaximumConcurrency,
            Filters = request.FilterCriteria is { } criteria ? FiltersOf(criteria) : row.Filters,
            ResponseTypes = request.FunctionResponseTypes ?? row.ResponseTypes,
            Enabled = request.Enabled ?? row.Enabled,
            Revision = row.Revision + 1,
            LastModified = now,
        });
    }

    public static AwsException NotFound() => FunctionErrors.NotFound("The resource you requested does not exist.");

    public static AwsException NoFunction() => FunctionErrors.InvalidParameter("Function does not exist");

    public static AwsException NoQueue(QueueEventShape shape) => FunctionErrors.InvalidParameter(shape == QueueEventShape.Sqs
        ? "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist."
        : "The specified queue does not exist.");

    public static AwsException AlreadyExists(EventSourceRow asked, Guid existing) => FunctionErrors.Conflict(
        (asked.Shape == QueueEventShape.Sqs
            ? $"An event source mapping with SQS arn (\" {asked.SourceArn} \") and function (\" {asked.FunctionName} \") already exists."
            : $"The event source arn (\" {asked.SourceArn} \") and function (\" {asked.FunctionName} \") provided mapping already exists.")
        + $" Please update or delete the existing mapping with UUID {existing}");

    private static EventSourceRow Checked(EventSourceRow row) =>
        row is { Shape: QueueEventShape.Sqs, BatchSize: > BatchWithoutWindow, WindowSeconds: 0 }
            ? throw FunctionErrors.InvalidParameter("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
            : row;

    private static void CheckFilters(FilterCriteriaRequest? criteria)
    {
        if (criteria?.Filters is not { } filters)
        {
            return;
        }

        if (filters.Count > FiltersMax)
        {
            throw FunctionErrors.InvalidParameter($"The number of filters exceeds the limit of {FiltersMax}.");
        }

        if (filters.Exists(filter => filter?.Pattern is not { } pattern || EventPattern.Parse(pattern) is null))
        {
            throw FunctionErrors.InvalidParameter("Invalid filter pattern definition.");
        }
    }

    private static string SqsQueue(string name, EventSourceRequest request)
    {
        if (request.Queues is not null || request.SourceAccessConfigurations is { Count: > 0 })
        {
            var member = request.Queues is not null ? "Queues" : "SourceAccessConfigurations";
            throw FunctionErrors.InvalidParameter($"Unsupported {member} parameter for given event source mapping type.");
        }

        return name.EndsWith(".fifo", StringComparison.Ordinal) ? throw FunctionErrors.NotInFnq("FIFO queues are") : name;
    }

    private static string BrokerQueue(EventSourceRequest request)
    {
        if (request.Queues is not [{ } name])
        {
            throw FunctionErrors.InvalidParameter("Exactly one queue must be specified for MQ event sources.");
        }

        return name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= QueueBytesMax ? name : throw NoQueue(QueueEventShape.RabbitMq);
    }

    /// <summary>Credentials are stored and echoed only: the broker is Fnq's own.</summary>
    private static List<string> Access(List<SourceAccessRequest>? given)
    {
        foreach (var access in given ?? [])
        {
            var isOwn = access switch
            {
                { Type: AnyVirtualHost, URI: "/" } => true,
                { Type: BasicAuth, URI: { } secret } => secret.Length <= 200 && secret.StartsWith("arn:", StringComparison.Ordinal),
                _ => false,
            };
            if (!isOwn)
            {
                throw FunctionErrors.NotInFnq("Queues of other brokers are");
            }
        }

        return [.. (given ?? []).Select(access => $"{access.Type} {access.URI}")];
    }

    private static List<string> FiltersOf(FilterCriteriaRequest? criteria) => [.. (criteria?.Filters ?? []).Select(filter => filter.Pattern!)];

    private static bool AsksForSomething(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => false,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    private static bool IsSet(JsonElement? destination) => destination is { ValueKind: not JsonValueKind.Null } given && AsksForSomething(given);
}
