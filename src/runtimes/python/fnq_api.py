"""The Runtime API over one kept-alive connection and raw sockets.

A result and the request for the next invocation leave in one send (HTTP/1.1 pipelining): the platform finds
`next` in its buffer as soon as it has answered, without waiting for this process to wake up in between.
"""
import os
from _socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100
_ROOT = "/2018-06-01/runtime/"


class ProtocolError(Exception):
    """The platform answered what a Runtime API does not answer; the process cannot go on."""


class RuntimeApi:
    def __init__(self):
        self._host = os.environ["AWS_LAMBDA_RUNTIME_API"]
        self._tail = f" HTTP/1.1\r\nHost: {self._host}\r\n"
        self._next = f"GET {_ROOT}invocation/next{self._tail}\r\n".encode()
        self._connect()

    def next(self):
        """The first invocation: (headers with lower-case names, body)."""
        self._socket.sendall(self._next)
        return self._read_next()

    def post_and_next(self, path, body, content_type="application/json", error_type=None):
        """Sends a result and returns the next invocation."""
        head = self._head(path, body, content_type, error_type)
        for attempt in (0, 1):
            try:
                if len(body) < 65536:
                    self._socket.sendall(head + body + self._next)
                else:
                    self._socket.sendall(head)
                    self._socket.sendall(body)
                    self._socket.sendall(self._next)
                self._read()  # 202; a refusal is the platform's to report, and the invocation is over either way
                break
            except OSError:
                # A closed connection: the id makes it safe to send the result again.
                if attempt:
                    raise
                self._connect()
        return self._read_next()

    def post(self, path, body, error_type):
        self._socket.sendall(self._head(path, body, "application/json", error_type) + body)
        self._read()

    def _head(self, path, body, content_type, error_type):
        head = f"POST {_ROOT}{path}{self._tail}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        # A class may have any name; one that is no token stays out of the header (it is in the body).
        if error_type and error_type.isascii() and error_type.replace(".", "").isidentifier():
            head += f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n"
        return (head + "\r\n").encode()

    def _connect(self):
        host, _, port = self._host.partition(":")
        self._socket = socket(AF_INET, SOCK_STREAM)
        self._socket.connect((host, int(port or 80)))
        self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._buffer = b""

    def _read_next(self):
        try:
            status, headers, body = self._read()
        except OSError:
            self._connect()
            self._socket.sendall(self._next)
            status, headers, body = self._read()
        if status != 200:
            raise ProtocolError(f"next: status {status}: {body[:200]!r}")
        return headers, body

    def _read(self):
        buffer = self._buffer
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            buffer += self._receive()
        lines = buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self._buffer = buffer[end + 4:]
        if "content-length" in headers:
            body = self._take(int(headers["content-length"]))
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._take_chunks()
        else:
            body = b""
        return int(lines[0][9:12]), headers, body

    def _receive(self):
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the platform closed the connection")
        return data

    def _take(self, count):
        buffer = self._buffer
        if len(buffer) >= count:
            self._buffer = buffer[count:]
            return buffer[:count]
        body = bytearray(count)
        body[:len(buffer)] = buffer
        self._buffer = b""
        view, filled = memoryview(body), len(buffer)
        while filled < count:
            received = self._socket.recv_into(view[filled:])
            if not received:
                raise ConnectionResetError("the platform closed the connection")
            filled += received
        return body

    def _take_line(self):
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._buffer += self._receive()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2:]
        return line

    def _take_chunks(self):
        parts = []
        while size := int(self._take_line().split(b";")[0], 16):
            parts.append(self._take(size))
            self._take_line()
        while self._take_line():  # trailers
            pass
        return b"".join(parts)
