using System.Text;
using Fnq.Dispatch;
using Xunit;

namespace Fnq.Tests.Dispatch;

public sealed class FunctionErrorTextTests
{
    [Theory]
    [InlineData("{\"errorMessage\": \"told to\"}", "told to")]
    [InlineData("{\"errorMessage\": 7}", "7")]
    [InlineData("{\"errorMessage\": \"0123456789ab\"}", "0123456789")]
    [InlineData("{\"other\": 1}", "{\"other\": ")]
    [InlineData("[1]", "[1]")]
    [InlineData("no json", "no json")]
    [InlineData("", "")]
    [InlineData("{\"errorMessage\": \"\\ud800\"}", "{\"errorMes")]
    public void The_functions_own_words_or_what_it_answered(string payload, string text) =>
        Assert.Equal(text, FunctionErrorText.Of(Encoding.UTF8.GetBytes(payload), most: 10));
}
