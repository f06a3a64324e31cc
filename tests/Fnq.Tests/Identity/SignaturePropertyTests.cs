using CsCheck;
using Xunit;

namespace Fnq.Tests.Identity;

/// <summary>Whatever is signed verifies, and one flipped bit of any signed part does not.</summary>
public sealed class SignaturePropertyTests
{
    private static readonly Gen<string> Word = Gen.String[
        Gen.OneOf(Gen.Char['a', 'z'], Gen.Char['0', '9'], Gen.Const('-'), Gen.Const('_'), Gen.Const('~'), Gen.Char['A', 'Z']), 1, 12];
    private static readonly Gen<string> Escape = Gen.Byte[0x80, 0xFF].Select(value => $"%{value:X2}");
    private static readonly Gen<string> Piece = Gen.Select(Word, Gen.OneOf(Escape, Word)).Select((word, tail) => word + tail);

    private static readonly Gen<SignedSample> Samples =
        from path in Piece.Array[1, 5]
        from query in Gen.Select(Word, Word).Array[0, 5]
        from header in Word
        from body in Gen.Byte.Array[0, 200]
        from method in Gen.OneOf("GET", "POST", "PUT", "DELETE")
        select Signed(
            method, $"/{string.Join('/', path)}{(query.Length > 0 ? "?" : "")}{string.Join('&', query.Select(q => $"{q.Item1}={q.Item2}"))}", header, body);

    [Fact]
    public void Sign_then_verify_passes() => Samples.Sample(sample => sample.Verify() is null, iter: 500);

    [Fact]
    public void A_flipped_bit_of_the_body_fails() =>
        Gen.Select(Samples.Where(sample => sample.Body.Length > 0), Gen.Int[0, 10_000]).Sample(
            (sample, at) =>
            {
                sample.Body[at / 8 % sample.Body.Length] ^= (byte)(1 << (at % 8));
                return sample.Verify() is not null;
            },
            iter: 500);

    [Fact]
    public void A_flipped_bit_of_a_header_fails() =>
        Gen.Select(Samples, Gen.OneOf("Host", "X-Amz-Date", "X-Amz-Meta-Any", "Authorization"), Gen.Int[0, 10_000]).Sample(
            (sample, name, at) =>
            {
                sample.Headers[name] = Flip(sample.Headers[name].ToString(), at);
                return sample.Verify() is not null;
            },
            iter: 1500);

    [Fact]
    public void A_changed_letter_of_target_or_method_fails() =>
        Gen.Select(Samples, Gen.Int[0, 10_000]).Sample(
            (sample, at) =>
            {
                var other = Flip(sample.Target, at);
                // Another spelling of the same target is no change.
                if (other.StartsWith('/') && Words(other).SequenceEqual(Words(sample.Target)))
                {
                    return true;
                }

                sample.Target = other;
                var target = sample.Verify() is not null;
                sample.Method = Flip(sample.Method, at);
                return target && sample.Verify() is not null;
            },
            iter: 1500);

    private static IEnumerable<string> Words(string target)
    {
        var parts = target.Split('?', 2);
        var path = parts[0].Split('/').Where(word => word is not ("" or "."));
        var query = (parts.Length < 2 ? "" : parts[1]).Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Contains('=') ? pair : pair + "=").Select(Uri.UnescapeDataString).Order(StringComparer.Ordinal);
        return path.Append("?").Concat(query).Append(parts[0].EndsWith('/') ? "/" : "");
    }

    private static SignedSample Signed(string method, string target, string header, byte[] body)
    {
        var sample = new SignedSample { Method = method, Target = target, Body = body };
        sample.Headers["X-Amz-Meta-Any"] = header;
        return sample.Sign();
    }

    /// <summary>Case counts in every signed part, so any of the low seven bits makes another text.</summary>
    private static string Flip(string text, int at)
    {
        var letters = text.ToCharArray();
        letters[at / 7 % letters.Length] ^= (char)(1 << (at % 7));
        return new string(letters);
    }
}
