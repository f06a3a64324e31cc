using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fnq.IntegrationTests.Cluster;

/// <summary>TLS in front of a real broker, with a certificate for localhost of an authority that nobody knows.</summary>
internal sealed class SecureBroker : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<TcpClient> _clients = [];
    private readonly X509Certificate2 _certificate;
    private readonly Uri _broker;
    private readonly Task _accepting;
    private int _seen;
    private int _trusted;

    /// <param name="authorityFile">Gets the authority's certificate, for those who shall trust it.</param>
    public SecureBroker(string amqpUrl, string authorityFile)
    {
        _broker = new Uri(amqpUrl);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test authority", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var (from, to) = (TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        using var authority = request.CreateSelfSigned(from, to);
        File.WriteAllText(authorityFile, authority.ExportCertificatePem());
        _certificate = Issue(authority, from, to);
        _listener.Start();
        Url = new UriBuilder(_broker) { Scheme = "amqps", Host = "localhost", Port = ((IPEndPoint)_listener.LocalEndpoint).Port }.Uri.AbsoluteUri;
        _accepting = AcceptAsync();
    }

    public string Url { get; }

    /// <summary>Connections that were made, and those of them that said anything behind the handshake.</summary>
    public (int Seen, int Trusted) Connections => (Volatile.Read(ref _seen), Volatile.Read(ref _trusted));

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        _certificate.Dispose();
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, DateTimeOffset from, DateTimeOffset to)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var issued = request.Create(authority, from, to, [1, 2, 3]);
        using var withKey = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                Interlocked.Increment(ref _seen);
                _clients.Add(client);
                _ = RelayAsync(client);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        try
        {
            await using var secure = new SslStream(client.GetStream());
            await secure.AuthenticateAsServerAsync(_certificate);
            var first = new byte[1];
            await secure.ReadExactlyAsync(first);
            Interlocked.Increment(ref _trusted);
            using var broker = new TcpClient { NoDelay = true };
            await broker.ConnectAsync(_broker.Host, _broker.Port);
            await broker.GetStream().WriteAsync(first);
            await Task.WhenAny(secure.CopyToAsync(broker.GetStream()), broker.GetStream().CopyToAsync(secure));
        }
        catch (Exception error) when (error is IOException or AuthenticationException or SocketException or ObjectDisposedException)
        {
            // Whoever does not trust us hangs up.
        }
        finally
        {
            client.Dispose();
        }
    }
}
