using Fnq.AwsApi;
using Fnq.Contracts;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration and DeleteFunction: check, commit, announce, answer.</summary>
internal sealed class FunctionWrites(FunctionStore store, CommittedChanges committed)
{
    public async ValueTask CreateAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = RestJson.Read(request, FunctionsJson.Api.CreateFunctionRequest);
        ConfigurationRules.Check(wanted);
        var reference = FunctionReference.Parse(request, wanted.FunctionName!);
        if (reference.Qualifier is not null)
        {
            throw FunctionErrors.InvalidParameter("A function is created without a version or alias in its name.");
        }

        var key = reference.Function;
        var spec = ConfigurationMerge.Create(wanted, key.Name);
        var code = await CodeSource.ReadAsync(wanted.Code!, request.Aborted);
        var made = await store.CreateAsync(new(key, spec, code, wanted.Tags ?? [], wanted.Publish ?? false), request.Aborted);
        await committed.AnnounceAsync(key, made.RevisionId, made.Deployment);
        await AnswerAsync(request, StatusCodes.Status201Created, made.Shown);
    }

    public async ValueTask UpdateConfigurationAsync(AwsRequest request, RouteValues labels)
    {
        var key = ParseUnqualified(request, labels);
        var wanted = RestJson.Read(request, FunctionsJson.Api.UpdateConfigurationRequest);
        ConfigurationRules.Check(wanted);
        var made = await store.UpdateAsync(
            key, wanted.RevisionId, spec => ConfigurationMerge.Update(spec, wanted, key.Name), code: null, publish: false, request.Aborted);
        await committed.AnnounceAsync(key, made.RevisionId, made.Deployment);
        await AnswerAsync(request, StatusCodes.Status200OK, made.Shown);
    }

    public async ValueTask UpdateCodeAsync(AwsRequest request, RouteValues labels)
    {
        var key = ParseUnqualified(request, labels);
        var wanted = RestJson.Read(request, FunctionsJson.Api.UpdateCodeRequest);
        ConfigurationRules.Architectures(new Constraints(), wanted.Architectures).ThrowIfAny();
        var current = await store.FindAsync(key, FunctionVersionRow.Latest, request.Aborted) ?? throw FunctionErrors.FunctionNotFound(key.Arn);
        var code = await CodeSource.ReadAsync(wanted, request.Aborted);
        if (wanted.DryRun == true)
        {
            FunctionStore.Changeable(key, current.Version, wanted.RevisionId);
            (current.Version.CodeDigest, current.Version.CodeSize) = (code.Digest, code.Bytes.Length);
            current.Version.Spec = WithArchitecture(current.Version.Spec, wanted);
            await AnswerAsync(request, StatusCodes.Status200OK, current);
            return;
        }

        var made = await store.UpdateAsync(
            key, wanted.RevisionId, spec => WithArchitecture(spec, wanted), code, wanted.Publish ?? false, request.Aborted);
        await committed.AnnounceAsync(key, made.RevisionId, made.Deployment);
        await AnswerAsync(request, StatusCodes.Status200OK, made.Shown);
    }

    public async ValueTask DeleteAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        var key = reference.Function;
        if (reference.Qualifier is null)
        {
            await committed.AnnounceAsync(key, await store.DeleteAsync(key, request.Aborted), deployment: null);
        }
        else
        {
            await DeleteVersionAsync(reference, request.Aborted);
        }

        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task DeleteVersionAsync(FunctionReference reference, CancellationToken cancellationToken)
    {
        var number = reference.VersionNumber ?? throw FunctionErrors.InvalidParameter("Deletion of aliases is not currently supported.");
        if (number == FunctionVersionRow.Latest)
        {
            throw FunctionErrors.InvalidParameter("$LATEST version cannot be deleted without deleting the function.");
        }

        await store.DeleteVersionAsync(reference.Function, number, cancellationToken);
        if (await store.FindAsync(reference.Function, FunctionVersionRow.Latest, cancellationToken) is { } latest)
        {
            await committed.AnnounceAsync(reference.Function, latest.Version.RevisionId.ToString(), new DeploymentId(latest.Version.DeploymentId));
        }
    }

    private static FunctionKey ParseUnqualified(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"]);
        return reference.Qualifier is null or VersionName.Latest
            ? reference.Function
            : throw FunctionErrors.InvalidParameter("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.");
    }

    private static FunctionSpec WithArchitecture(FunctionSpec spec, UpdateCodeRequest wanted) =>
        wanted.Architectures is [var architecture] ? spec with { Architecture = architecture } : spec;

    private static ValueTask AnswerAsync(AwsRequest request, int status, FunctionView view) =>
        RestJson.WriteAsync(request.Http, status, json =>
            ConfigurationJson.Write(json, view, new(IsQualified: view.Version.Number != FunctionVersionRow.Latest)));
}
