using System.Text;
using Fnq.Triggers.RabbitMq;
using Xunit;

namespace Fnq.Tests.Triggers.RabbitMq;

public sealed class BatchReplyTests
{
    private static readonly HashSet<string> Ids = ["a", "b", "c"];

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"batchItemFailures":null}""")]
    [InlineData("""{"batchItemFailures":[]}""")]
    [InlineData("""{"other":1}""")]
    public void Nothing_has_failed(string reply) => Assert.Empty(FailedOf(reply)!);

    [Theory]
    [InlineData("""{"batchItemFailures":[{"itemIdentifier":"b"}]}""", "b")]
    [InlineData("""{"batchItemFailures":[{"itemIdentifier":"c","more":1},{"itemIdentifier":"a"},{"itemIdentifier":"a"}]}""", "ac")]
    public void What_is_named_has_failed(string reply, string failed) => Assert.Equal(failed, string.Concat(FailedOf(reply)!.Order(StringComparer.Ordinal)));

    [Theory]
    [InlineData("{")]
    [InlineData("oops")]
    [InlineData("\"done\"")]
    [InlineData("[]")]
    [InlineData("true")]
    [InlineData("""{"batchItemFailures":{}}""")]
    [InlineData("""{"batchItemFailures":"a"}""")]
    [InlineData("""{"batchItemFailures":[{"foo":"a"}]}""")]
    [InlineData("""{"batchItemFailures":["a"]}""")]
    [InlineData("""{"batchItemFailures":[{"itemIdentifier":null}]}""")]
    [InlineData("""{"batchItemFailures":[{"itemIdentifier":""}]}""")]
    [InlineData("""{"batchItemFailures":[{"itemIdentifier":1}]}""")]
    [InlineData("""{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"d"}]}""")]
    [InlineData("""{"batchItemFailures":[{"itemIdentifier":"\ud800"}]}""")]
    public void What_cannot_be_understood_fails_all(string reply) => Assert.Null(FailedOf(reply));

    private static IReadOnlySet<string>? FailedOf(string reply) => BatchReply.FailedOf(Encoding.UTF8.GetBytes(reply), Ids);
}
