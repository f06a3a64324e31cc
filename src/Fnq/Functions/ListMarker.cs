using System.Buffers.Text;
using System.Text;
using Fnq.AwsApi;

namespace Fnq.Functions;

/// <summary>An opaque position in a listing that only this installation can make, bound to who asked and for what.</summary>
internal sealed class ListMarker(ServerSecret secret)
{
    private const string Purpose = "list-functions";

    public async ValueTask<string> WriteAsync(string scope, ListPosition position, CancellationToken cancellationToken)
    {
        var text = $"{position.Number}:{position.Name}";
        var tag = await secret.SignAsync(Purpose, $"{scope}\n{text}", cancellationToken);
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{tag}:{text}"));
    }

    public async ValueTask<ListPosition> ReadAsync(string scope, string marker, CancellationToken cancellationToken)
    {
        if (Decode(marker)?.Split(':', 3) is not [var tag, var number, var name]
            || !int.TryParse(number, out var parsed)
            || !await secret.VerifyAsync(Purpose, $"{scope}\n{number}:{name}", tag, cancellationToken))
        {
            throw Invalid();
        }

        return new(name, parsed);
    }

    private static string? Decode(string marker)
    {
        try
        {
            return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(marker));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static AwsException Invalid() => FunctionErrors.InvalidParameter("Invalid Marker");
}
