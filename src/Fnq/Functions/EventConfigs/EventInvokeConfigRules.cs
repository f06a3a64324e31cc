using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Functions.EventConfigs;

/// <summary>The rules of event invoke configs (lambda-api 3.1), pure; whether a destination is there has to be looked up.</summary>
internal static class EventInvokeConfigRules
{
    private const int MaxRetryAttempts = 2;
    private const int MinEventAgeSeconds = 60;
    private const int MaxEventAgeSeconds = 21_600;

    public static void Check(EventInvokeConfigRequest request)
    {
        var destinations = request.DestinationConfig;
        new Constraints()
            .Range("maximumRetryAttempts", request.MaximumRetryAttempts, 0, MaxRetryAttempts)
            .Range("maximumEventAgeInSeconds", request.MaximumEventAgeInSeconds, MinEventAgeSeconds, MaxEventAgeSeconds)
            .Length("destinationConfig.onSuccess.destination", destinations?.OnSuccess?.Destination, 0, EventDestination.MaxLength)
            .Length("destinationConfig.onFailure.destination", destinations?.OnFailure?.Destination, 0, EventDestination.MaxLength)
            .ThrowIfAny();
        if (request is { MaximumRetryAttempts: null, MaximumEventAgeInSeconds: null, DestinationConfig: null })
        {
            throw FunctionErrors.InvalidParameter("You must specify at least one of error handling or destination setting.");
        }
    }

    /// <summary>Checks the form of all destinations.</summary>
    /// <returns>The functions of the same account and region among them, with their ARNs as given: these have to exist.</returns>
    public static IReadOnlyList<(string Arn, FunctionReference Function)> FunctionsToFind(FunctionKey self, EventInvokeConfigRequest request)
    {
        var destinations = request.DestinationConfig;
        var functions = new List<(string, FunctionReference)>();
        foreach (var arn in new[] { DestinationRequest.Of(destinations?.OnFailure), DestinationRequest.Of(destinations?.OnSuccess) }.OfType<string>())
        {
            var destination = EventDestination.Parse(arn) ?? throw InvalidDestination(arn);
            if (destination is not FunctionDestination { Function: var function, Qualifier: var qualifier })
            {
                continue;
            }

            if (function == self)
            {
                throw FunctionErrors.InvalidParameter("You can't specify the function as a destination for itself.");
            }

            if (function.AccountId == self.AccountId && function.Region == self.Region)
            {
                functions.Add((arn, new(function, qualifier)));
            }
        }

        return functions;
    }

    public static AwsException InvalidDestination(string arn) => FunctionErrors.InvalidParameter($"The destination ARN {arn} is invalid.");

    public static AwsException NotConfigured(FunctionKey function, string qualifier) =>
        FunctionErrors.NotFound($"The function {function.Arn}:{qualifier} doesn't have an EventInvokeConfig");
}
