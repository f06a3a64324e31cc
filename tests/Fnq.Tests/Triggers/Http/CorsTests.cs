using Fnq.Functions.Urls;
using Fnq.Triggers.Http;
using Xunit;

namespace Fnq.Tests.Triggers.Http;

public sealed class CorsTests
{
    [Theory]
    [InlineData("https://a.example", "https://a.example", false, "https://a.example")]
    [InlineData("https://a.example", "https://b.example", false, null)]
    [InlineData("*", "https://a.example", false, "*")]
    [InlineData("*", "https://a.example", true, "https://a.example")]
    [InlineData("https://*.example", "https://a.example", false, "https://a.example")]
    [InlineData("https://*.example", "https://a.example.evil", false, null)]
    [InlineData("*", null, false, null)]
    public void An_origin_is_allowed_or_gets_nothing(string allowed, string? origin, bool credentials, string? told)
    {
        var cors = new CorsSpec { AllowOrigins = [allowed], AllowCredentials = credentials, ExposeHeaders = ["x-a", "x-b"] };
        var headers = Cors.OfAnswer(cors, origin).ToDictionary();
        Assert.Equal(told, headers.GetValueOrDefault("Access-Control-Allow-Origin"));
        Assert.Equal(told is null ? null : "x-a,x-b", headers.GetValueOrDefault("Access-Control-Expose-Headers"));
        Assert.Equal(told is not null && credentials ? "true" : null, headers.GetValueOrDefault("Access-Control-Allow-Credentials"));
    }

    [Fact]
    public void A_preflight_is_told_methods_headers_and_age()
    {
        var cors = new CorsSpec { AllowOrigins = ["*"], AllowMethods = ["GET", "PUT"], AllowHeaders = ["x-a"], MaxAge = 60 };
        var headers = Cors.OfPreflight(cors, "https://a.example").ToDictionary();
        Assert.Equal(
            ("GET,PUT", "x-a", "60"),
            (headers["Access-Control-Allow-Methods"], headers["Access-Control-Allow-Headers"], headers["Access-Control-Max-Age"]));
        Assert.Empty(Cors.OfPreflight(cors, origin: null));
    }
}
