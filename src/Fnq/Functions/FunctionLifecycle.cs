namespace Fnq.Functions;

/// <summary>The states of a version (lambda-api 2.1), pure.</summary>
internal static class FunctionLifecycle
{
    public static bool IsInProgress(FunctionVersionRow row) =>
        row.State == FunctionState.Pending || row.LastUpdateStatus == UpdateStatus.InProgress;

    /// <summary>What an invocation runs: the newest, but the one before it when the newest cannot be run anywhere.</summary>
    public static string DeploymentToRun(FunctionVersionRow row) =>
        row.LastUpdateStatus == UpdateStatus.Failed ? row.ServedDeploymentId ?? row.DeploymentId : row.DeploymentId;

    public static void BeginCreate(FunctionVersionRow row)
    {
        row.State = FunctionState.Pending;
        row.StateReason = "The function is being created.";
        row.StateReasonCode = "Creating";
        row.LastUpdateStatus = null;
    }

    public static void BeginUpdate(FunctionVersionRow row)
    {
        row.LastUpdateStatus = UpdateStatus.InProgress;
        row.LastUpdateStatusReason = "The function is being created.";
        row.LastUpdateStatusReasonCode = "Creating";
    }

    /// <summary>A successful update also mends a function whose creation had failed.</summary>
    public static void Complete(FunctionVersionRow row, bool ok, string? reason, Guid newRevision)
    {
        var isCreation = row.State == FunctionState.Pending;
        row.RevisionId = newRevision;
        if (ok)
        {
            row.ServedDeploymentId = row.DeploymentId;
            (row.State, row.StateReason, row.StateReasonCode) = (FunctionState.Active, null, null);
            (row.LastUpdateStatus, row.LastUpdateStatusReason, row.LastUpdateStatusReasonCode) = (UpdateStatus.Successful, null, null);
        }
        else if (isCreation)
        {
            (row.State, row.StateReason, row.StateReasonCode) = (FunctionState.Failed, reason, "InvalidRuntime");
        }
        else
        {
            (row.LastUpdateStatus, row.LastUpdateStatusReason, row.LastUpdateStatusReasonCode) = (UpdateStatus.Failed, reason, "InvalidRuntime");
        }
    }
}
