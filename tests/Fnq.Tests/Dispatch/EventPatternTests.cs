using System.Text.Json;
using Fnq.Dispatch;
using Xunit;

namespace Fnq.Tests.Dispatch;

public sealed class EventPatternTests
{
    [Theory]
    [InlineData("""{"a":["x"]}""", """{"a":"x","b":1}""")]
    [InlineData("""{"a":["x","y"]}""", """{"a":"y"}""")]
    [InlineData("""{"a":[1]}""", """{"a":1.0}""")]
    [InlineData("""{"a":[null]}""", """{"a":null}""")]
    [InlineData("""{"a":[true]}""", """{"a":true}""")]
    [InlineData("""{"a":["x"]}""", """{"a":["w","x"]}""")]
    [InlineData("""{"a":{"b":[1]},"c":[2]}""", """{"a":{"b":1},"c":2}""")]
    [InlineData("""{"a":{"b":[1]}}""", """{"a":[{"b":2},{"b":1}]}""")]
    [InlineData("""{"a":[{"prefix":"x"}]}""", """{"a":"xy"}""")]
    [InlineData("""{"a":[{"prefix":{"equals-ignore-case":"X"}}]}""", """{"a":"xy"}""")]
    [InlineData("""{"a":[{"suffix":".png"}]}""", """{"a":"b.png"}""")]
    [InlineData("""{"a":[{"equals-ignore-case":"ABC"}]}""", """{"a":"aBc"}""")]
    [InlineData("""{"a":[{"anything-but":"x"}]}""", """{"a":"y"}""")]
    [InlineData("""{"a":[{"anything-but":["x",1]}]}""", """{"a":2}""")]
    [InlineData("""{"a":[{"anything-but":{"prefix":"x"}}]}""", """{"a":"yx"}""")]
    [InlineData("""{"a":[{"anything-but":{"suffix":["x","z"]}}]}""", """{"a":"xy"}""")]
    [InlineData("""{"a":[{"exists":true}]}""", """{"a":""}""")]
    [InlineData("""{"a":[{"exists":true}]}""", """{"a":[]}""")]
    [InlineData("""{"a":[{"exists":false}]}""", """{"b":1}""")]
    [InlineData("""{"a":{"b":[{"exists":false}]}}""", """{"b":1}""")]
    [InlineData("""{"a":[{"numeric":["=",1]}]}""", """{"a":1.0}""")]
    [InlineData("""{"a":[{"numeric":[">",0,"<=",5]}]}""", """{"a":5}""")]
    [InlineData("""{"$or":[{"a":[1]},{"b":[2]}]}""", """{"b":2}""")]
    [InlineData("""{"c":[3],"$or":[{"a":[1]},{"b":[2]}]}""", """{"a":1,"c":3}""")]
    public void Matches(string pattern, string value) => Assert.True(Does(pattern, value));

    [Theory]
    [InlineData("""{"a":["x"]}""", """{"a":"X"}""")]
    [InlineData("""{"a":["1"]}""", """{"a":1}""")]
    [InlineData("""{"a":["x"]}""", """{"b":"x"}""")]
    [InlineData("""{"a":["x"]}""", """{"a":{"x":"x"}}""")]
    [InlineData("""{"a":["x"],"b":["y"]}""", """{"a":"x"}""")]
    [InlineData("""{"a":{"b":[1]}}""", """{"a":"b"}""")]
    [InlineData("""{"a":[null]}""", "{}")]
    [InlineData("""{"a":[{"prefix":"x"}]}""", """{"a":1}""")]
    [InlineData("""{"a":[{"suffix":"x"}]}""", """{"a":"xy"}""")]
    [InlineData("""{"a":[{"anything-but":"x"}]}""", """{"a":"x"}""")]
    [InlineData("""{"a":[{"anything-but":"x"}]}""", "{}")]
    [InlineData("""{"a":[{"anything-but":{"prefix":["x","y"]}}]}""", """{"a":"yes"}""")]
    [InlineData("""{"a":[{"exists":true}]}""", "{}")]
    [InlineData("""{"a":[{"exists":false}]}""", """{"a":null}""")]
    [InlineData("""{"a":[{"numeric":[">",0,"<",5]}]}""", """{"a":5}""")]
    [InlineData("""{"a":[{"numeric":["<",5]}]}""", """{"a":"4"}""")]
    [InlineData("""{"$or":[{"a":[1]},{"b":[2]}]}""", """{"a":2,"b":1}""")]
    [InlineData("""{"a":["x"]}""", """{"a":"\ud800"}""")]
    [InlineData("""{"a":[1]}""", """{"a":1e999}""")]
    [InlineData("""{"a":[1]}""", "7")]
    public void Does_not_match(string pattern, string value) => Assert.False(Does(pattern, value));

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("""{"a":1}""")]
    [InlineData("""{"a":"x"}""")]
    [InlineData("""{"a":[]}""")]
    [InlineData("""{"a":{}}""")]
    [InlineData("""{"a":[["x"]]}""")]
    [InlineData("""{"a":[1],"a":[2]}""")]
    [InlineData("""{"a":[{}]}""")]
    [InlineData("""{"a":[{"prefix":"x","suffix":"y"}]}""")]
    [InlineData("""{"a":[{"prefix":""}]}""")]
    [InlineData("""{"a":[{"prefix":1}]}""")]
    [InlineData("""{"a":[{"exists":"true"}]}""")]
    [InlineData("""{"a":[{"anything-but":[]}]}""")]
    [InlineData("""{"a":[{"anything-but":[null]}]}""")]
    [InlineData("""{"a":[{"numeric":[]}]}""")]
    [InlineData("""{"a":[{"numeric":["~",1]}]}""")]
    [InlineData("""{"a":[{"numeric":["<",1,">",0]}]}""")]
    [InlineData("""{"a":[{"numeric":[">","1"]}]}""")]
    [InlineData("""{"a":[{"numeric":[">",1e300]}]}""")]
    [InlineData("""{"a":[{"wildcard":"*"}]}""")]
    [InlineData("""{"a":[{"cidr":"10.0.0.0/8"}]}""")]
    [InlineData("""{"$or":[{"a":[1]}]}""")]
    [InlineData("""{"$or":[1,2]}""")]
    [InlineData("""{"a":["\ud800"]}""")]
    public void Is_no_pattern(string text) => Assert.Null(EventPattern.Parse(text));

    [Fact]
    public void Depth_and_length_are_limited()
    {
        Assert.NotNull(EventPattern.Parse(Nested(15)));
        Assert.Null(EventPattern.Parse(Nested(17)));
        Assert.Null(EventPattern.Parse(Nested(500)));
        Assert.Null(EventPattern.Parse($$"""{"a":["{{new string('x', EventPattern.TextMax)}}"]}"""));
    }

    [Fact]
    public void A_member_may_have_another_value_for_patterns_that_look_into_it()
    {
        using var record = JsonDocument.Parse("""{"body":"{\"a\":1}"}""");
        using var body = JsonDocument.Parse("""{"a":1}""");
        var inside = EventPattern.Parse("""{"body":{"a":[1]}}""")!;
        Assert.True(inside.LooksInto("body"));
        Assert.True(inside.Matches(record.RootElement, "body", body.RootElement));
        Assert.False(inside.Matches(record.RootElement, "body", default));
        var plain = EventPattern.Parse("""{"body":["{\"a\":1}"]}""")!;
        Assert.False(plain.LooksInto("body"));
        Assert.True(plain.Matches(record.RootElement, "body", default));
        Assert.False(EventPattern.Parse("""{"body":{"b":[{"exists":false}]}}""")!.Matches(record.RootElement, "body", default));
    }

    private static bool Does(string pattern, string value)
    {
        using var document = JsonDocument.Parse(value);
        return EventPattern.Parse(pattern)!.Matches(document.RootElement);
    }

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "[1]" + new string('}', depth);
}
