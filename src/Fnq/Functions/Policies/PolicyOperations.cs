using Fnq.AwsApi;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions.Policies;

/// <summary>AddPermission, RemovePermission and GetPolicy.</summary>
internal sealed class PolicyOperations(PolicyStore store)
{
    public async ValueTask AddAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = RestJson.Read(request, FunctionsJson.Api.AddPermissionRequest);
        PolicyRules.Check(wanted);
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        if (reference.Qualifier == VersionName.Latest)
        {
            throw PolicyErrors.OfLatest();
        }

        var statement = PolicyStatement.Write(wanted, reference.Arn);
        await store.AddAsync(reference, wanted.StatementId!, statement, wanted.RevisionId, request.Aborted);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status201Created, json =>
        {
            json.WriteStartObject();
            json.WriteString("Statement", statement);
            json.WriteEndObject();
        });
    }

    public async ValueTask GetAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        var policy = await store.FindAsync(reference, request.Aborted) ?? throw FunctionErrors.FunctionNotFound(reference.Arn);
        if (policy.Statements.Count == 0)
        {
            throw PolicyErrors.None();
        }

        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("Policy", PolicyStatement.WritePolicy(policy.Statements.Select(row => row.Statement)));
            json.WriteString("RevisionId", policy.RevisionId);
            json.WriteEndObject();
        });
    }

    public async ValueTask RemoveAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        await store.RemoveAsync(reference, labels["StatementId"], request.Query("RevisionId"), request.Aborted);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
