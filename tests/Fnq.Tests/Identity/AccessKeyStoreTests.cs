using Fnq.Identity;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Identity;

public sealed class AccessKeyStoreTests
{
    private readonly FakeTimeProvider _time = new(SignedSample.Start);
    private readonly List<string> _loads = [];
    private AccessKey? _row = TestKey.Of("AKIDEXAMPLE", "secret");
    private Exception? _lost;

    private AccessKeyStore Store() => new(Load, _time, NullLogger<AccessKeyStore>.Instance);

    [Fact]
    public async Task Reads_a_key_once_and_again_when_its_memory_ends()
    {
        var store = Store();
        Assert.Equal("secret", (await Find(store))!.Secret);
        Assert.NotNull(await Find(store));
        Assert.Single(_loads);

        _row = null;
        _time.Advance(AccessKeyStore.Memory);
        Assert.Null(await Find(store));
        Assert.Equal(2, _loads.Count);
    }

    [Fact]
    public async Task Remembers_that_there_is_no_such_key()
    {
        _row = null;
        var store = Store();
        Assert.Null(await Find(store));
        Assert.Null(await Find(store));

        Assert.Single(_loads);
    }

    [Fact]
    public async Task Goes_on_with_a_known_key_while_the_database_is_away()
    {
        var store = Store();
        await Find(store);
        _lost = new TimeoutException();
        _time.Advance(AccessKeyStore.Memory);

        Assert.NotNull(await Find(store));
        await Assert.ThrowsAsync<TimeoutException>(async () => await store.FindAsync("AKIDOTHER", TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("AKID'; drop table")]
    [InlineData("AKID\nfake log line")]
    public async Task Asks_nobody_for_what_cannot_be_an_id(string id)
    {
        Assert.Null(await Store().FindAsync(id, TestContext.Current.CancellationToken));
        Assert.Empty(_loads);
    }

    [Fact]
    public void User_ids_have_the_form_of_AWS_and_stay() =>
        Assert.Matches("^AIDA[A-Z2-7]{17}$", IdentityModule.UserIdOf("arn:aws:iam::123456789012:user/fnq"));

    private static ValueTask<AccessKey?> Find(AccessKeyStore store) => store.FindAsync("AKIDEXAMPLE", TestContext.Current.CancellationToken);

    private Task<AccessKey?> Load(string id, CancellationToken cancellationToken)
    {
        _loads.Add(id);
        return _lost is null ? Task.FromResult(_row) : Task.FromException<AccessKey?>(_lost);
    }
}
