using Fnq.Triggers.RabbitMq;
using Xunit;

namespace Fnq.Tests.Triggers.RabbitMq;

public sealed class ReturnMarkTests
{
    private static readonly MessageHead Full = Samples.Head(
        (HeadField.ContentType, Samples.Text("text/plain")), (HeadField.Expiration, Samples.Text("60000")), (HeadField.UserId, Samples.Text("somebody")),
        (HeadField.DeliveryMode, [1]), (HeadField.MessageId, [0xFF, 0xFE]), (HeadField.Headers, Samples.Table(
            ("a", 'S', Samples.Text("b")), ("CC", 'A', Samples.Text("")), ("x-death", 'A', []), ("x-last-death-queue", 'S', Samples.Text("q")))));

    [Fact]
    public void A_message_is_returned_without_what_would_lead_the_broker_astray()
    {
        var message = Samples.Message(Full);
        var head = MessageHead.Read(message.Mark.Write(message.Head!, message.Headers));
        Assert.Null(head[HeadField.Expiration]);
        Assert.Null(head[HeadField.UserId]);
        Assert.Equal([2], head[HeadField.DeliveryMode]!);
        Assert.Equal([0xFF, 0xFE], head[HeadField.MessageId]!);
        Assert.Equal(["a", ReturnMark.CountHeader, "x-fnq-return"], HeaderTable.Read(head[HeadField.Headers]).Select(header => header.Name));
    }

    [Fact]
    public void A_message_that_came_back_is_what_it_was_and_counted()
    {
        var first = Samples.Message(Full);
        var second = Samples.Returned(first);
        var third = Samples.Returned(second);
        Assert.Equal((1, 2, 3), (first.Receives, second.Receives, third.Receives));
        foreach (var message in (QueueMessage[])[second, third])
        {
            Assert.Equal(Full.With(HeadField.Headers, null).Write(), message.Head!.With(HeadField.Headers, null).Write());
            Assert.Equal(NamesOf(first), NamesOf(message));
            Assert.Equal(first.Mark.FirstReceivedAt, message.Mark.FirstReceivedAt);
        }
    }

    [Fact]
    public void A_message_without_an_id_keeps_the_one_that_it_was_given()
    {
        var first = Samples.Message(Samples.Head());
        Assert.True(Guid.TryParse(first.Id, out _));
        Assert.Equal(first.Id, Samples.Returned(Samples.Returned(first)).Id);
        Assert.NotEqual(first.Id, Samples.Message(Samples.Head()).Id);
    }

    [Fact]
    public void In_another_queue_counting_begins_anew_and_deaths_are_shown()
    {
        var elsewhere = Samples.Returned(Samples.Message(Full), "dead-letters");
        Assert.Equal(1, elsewhere.Receives);
        Assert.Equal(["CC", "a", "x-death", "x-first-death-queue"], NamesOf(elsewhere));
    }

    private static IEnumerable<string> NamesOf(QueueMessage message) => message.Headers.Select(header => header.Name).Order(StringComparer.Ordinal);

    [Theory]
    [InlineData('S')]
    [InlineData('V')]
    [InlineData('l')]
    public void A_forged_count_is_no_count(char type)
    {
        var value = type switch { 'S' => Samples.Text("7"), 'l' => BitConverter.GetBytes(-1L), _ => [] };
        var forged = Samples.Message(Samples.Head((HeadField.Headers, Samples.Table((ReturnMark.CountHeader, type, value), ("x-fnq-return", 'F', [])))));
        Assert.Equal(1, forged.Receives);
        Assert.Empty(forged.Headers);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFF })]
    [InlineData(new byte[] { 0x20, 0x00, 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0x20, 0x00, 0, 0, 0, 3, 1, (byte)'a', (byte)'?' })]
    [InlineData(new byte[0])]
    public void Properties_that_nobody_can_read_are_none(byte[] head)
    {
        var message = QueueMessage.Read(new(1, false, Fnq.Amqp.AmqpProperties.None, new byte[] { 1 }) { Head = head }, "q", Samples.Now);
        Assert.Null(message.Head);
        Assert.Empty(message.Headers);
        Assert.False(MessageReturns.CanReturn(message));
    }
}
