namespace Fnq.Functions;

/// <summary>Where a request says its code is.</summary>
internal static class CodeSource
{
    /// <summary>Checking reads every byte of the zip: not on the caller's thread.</summary>
    public static Task<CodePackage> ReadAsync(CodeRequest request, CancellationToken cancellationToken)
    {
        if (request.ZipFile is { } zip)
        {
            return request.S3Bucket is null && request.S3Key is null && request.ImageUri is null
                ? Task.Run(() => CodePackage.Check(zip), cancellationToken)
                : throw FunctionErrors.InvalidParameter("Please do not provide other FunctionCode parameters when providing a ZipFile.");
        }

        new Constraints()
            .Length("s3Bucket", request.S3Bucket, 3, 63)
            .Length("s3Key", request.S3Key, 1, 1_024)
            .Length("s3ObjectVersion", request.S3ObjectVersion, 1, 1_024)
            .ThrowIfAny();
        throw request switch
        {
            { ImageUri: not null } => FunctionErrors.NotInFnq("Functions of package type Image are"),
            { S3Bucket: not null, S3Key: not null } => FunctionErrors.InvalidParameter(
                "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist"),
            _ => FunctionErrors.InvalidParameter("Please provide a source for function code."),
        };
    }
}
