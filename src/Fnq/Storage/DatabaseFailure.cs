using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Fnq.Storage;

/// <summary>Whether an operation failed for the database's sake: the caller is to come back.</summary>
internal static class DatabaseFailure
{
    public static bool Is(Exception failure) => failure is DbException or DbUpdateException or RetryLimitExceededException or TimeoutException;
}
