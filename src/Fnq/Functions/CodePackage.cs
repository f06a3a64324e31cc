using System.Security.Cryptography;
using Fnq.Functions.Packages;

namespace Fnq.Functions;

/// <summary>An uploaded zip that has been proven to unpack.</summary>
internal sealed record CodePackage(string Digest, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Reads every byte: the caller is on a thread that may be busy for a second.</summary>
    public static CodePackage Check(byte[] zip)
    {
        if (zip.Length > PackageLimits.ZippedBytes)
        {
            throw FunctionErrors.ZippedTooLarge();
        }

        try
        {
            PackageReader.Verify(zip);
        }
        catch (PackageException refused)
        {
            throw FunctionErrors.Of(refused);
        }

        return new(Convert.ToHexStringLower(SHA256.HashData(zip)), zip);
    }

    /// <summary>As the API shows it.</summary>
    public static string Sha256Of(string digest) => Convert.ToBase64String(Convert.FromHexString(digest));
}
