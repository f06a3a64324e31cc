using Fnq.AwsApi;

namespace Fnq.Functions;

internal static class TagRules
{
    private const int Limit = 50;
    private const int KeyLength = 128;
    private const int ValueLength = 256;

    public static Constraints Tags(this Constraints constraints, IReadOnlyDictionary<string, string>? tags) => constraints
        .Keys("tags", tags, key => key.Length is >= 1 and <= KeyLength,
            $"Member must have length less than or equal to {KeyLength}, Member must have length greater than or equal to 1")
        .Values("tags", tags, value => value.Length <= ValueLength,
            $"Member must have length less than or equal to {ValueLength}, Member must have length greater than or equal to 0");

    public static AwsException? Check(IReadOnlyDictionary<string, string>? tags)
    {
        if (tags is null)
        {
            return null;
        }

        if (tags.Keys.FirstOrDefault(key => key.StartsWith("aws:", StringComparison.OrdinalIgnoreCase)) is { } reserved)
        {
            return FunctionErrors.InvalidParameter($"Tag key '{reserved}' starts with the reserved prefix aws:");
        }

        return tags.Count > Limit
            ? FunctionErrors.InvalidParameter("Number of tags exceeds resource tag limit.")
            : EgressTags.Check(tags);
    }
}
