namespace Fnq.IntegrationTests.Isolation;

/// <summary>Python that speaks to the Runtime API over sockets of its own, beside the runtime or in its place.</summary>
internal static class RawRuntime
{
    public const string Sockets = """
        import json, os, signal, socket, struct, sys, threading, time
        ROOT = "/2018-06-01/runtime/"
        def connect(timeout=20):
            s = socket.create_connection(("127.0.0.1", 9001), timeout)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return s
        def read(s):
            data = b""
            while b"\r\n\r\n" not in data:
                part = s.recv(65536)
                if not part:
                    return 0, {}, data
                data += part
            head, _, rest = data.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            while len(rest) < int(headers.get("content-length", 0)):
                rest += s.recv(65536)
            return int(lines[0].split()[1]), headers, rest
        def raw(data, s=None):
            try:
                s = s or connect()
                s.sendall(data)
                return read(s)
            except OSError:
                return 0, {}, b""
        def request(method, path, body=None, headers=""):
            length = "" if body is None else f"Content-Length: {len(body)}\r\n"
            return f"{method} {ROOT}{path} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n".encode() + (body or b"")
        def call(method, path, body=None, headers="", s=None):
            return raw(request(method, path, body, headers), s)
        def status(*arguments, **named):
            return call(*arguments, **named)[0]

        """;

    /// <summary>Serves for ever instead of the runtime that imports it: <c>serve(id, event)</c> answers, or does not.</summary>
    public const string Loop = Sockets + """
        def reply(id, value, s=None):
            return status("POST", f"invocation/{id}/response", json.dumps(value).encode(), s=s)
        def loop(serve):
            while True:
                code, headers, body = call("GET", "invocation/next", s=connect(None))
                if code == 200:
                    serve(headers["lambda-runtime-aws-request-id"], json.loads(body))

        """;
}
