using System.Collections.Concurrent;
using System.Net;
using Fnq.IntegrationTests.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.IntegrationTests.Events;

/// <summary>A server of a user's, at an address of this host, that takes what is posted.</summary>
internal sealed class Webhook : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<string> _posted = new();

    /// <param name="address">Of this host.</param>
    /// <param name="redirectTo">Where it sends whoever posts to it; null takes what is posted.</param>
    public Webhook(string address, string? redirectTo = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Parse(address), 0));
        _app = builder.Build();
        _app.Run(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            _posted.Enqueue(await reader.ReadToEndAsync());
            http.Response.StatusCode = redirectTo is null ? StatusCodes.Status204NoContent : StatusCodes.Status302Found;
            http.Response.Headers.Location = redirectTo;
        });
        _app.StartAsync().GetAwaiter().GetResult();
    }

    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/hook?key=1";

    public bool WasReached => !_posted.IsEmpty;

    public async Task<string> OneAsync()
    {
        string? first = null;
        await Until.TrueAsync(() => _posted.TryDequeue(out first), "the webhook is called");
        return first!;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
