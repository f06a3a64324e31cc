"""Runs a runtime's bootstrap in its built root file system against a Runtime API on loopback."""
import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time

RUNTIMES = os.environ["FNQ_TEST_RUNTIMES"]
SANDBOX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sandbox.sh")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
WAIT_SECONDS = 20


class RuntimeApiServer:
    """One environment's Runtime API: hands out queued invocations and collects what is posted."""

    def __init__(self, chunked=False):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.chunked = chunked
        self.invocations, self.posts = queue.SimpleQueue(), queue.SimpleQueue()
        self.connections = 0
        self.first_next = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def hang_up(self):
        """Closes the connection on which `next` waits."""
        self.first_next.wait(WAIT_SECONDS)
        self.invocations.put(None)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # a close alone does not end the accept under way
        except OSError:
            pass
        self.listener.close()
        self.invocations.put(None)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb", 1 << 16)
        try:
            while line := stream.readline():
                method, path, _ = line.decode().split(" ")
                headers = {}
                while (line := stream.readline()) != b"\r\n":
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                if method == "GET":
                    self.first_next.set()
                    if not self._answer_next(connection):
                        return
                else:
                    self.posts.put((path.removeprefix("/2018-06-01/runtime/"), headers, body))
                    connection.sendall(b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n'
                                       b'Content-Length: 16\r\n\r\n{"status":"OK"}\n')
        except (ConnectionError, ValueError):
            pass
        finally:
            stream.close()
            connection.close()

    def _answer_next(self, connection):
        item = self.invocations.get()
        if item is None:
            return False
        headers, body = item
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        if self.chunked:
            parts = [body[i:i + 1000] for i in range(0, len(body), 1000)]
            framed = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
            connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + framed)
        else:
            connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return True


class Function:
    """A deployed function: a started bootstrap. Use as a context manager."""

    def __init__(self, runtime, files, handler="index.handler", env=None, layers=None, chunked=False, entrypoint=None):
        self.folder = tempfile.mkdtemp(prefix="fnq-runtime-test-")
        os.chmod(self.folder, 0o755)
        self.server = RuntimeApiServer(chunked)
        self.count = 0
        home = os.path.join(RUNTIMES, runtime)
        with open(os.path.join(home, "manifest.json")) as file:
            manifest = json.load(file)
        task, opt = self._write("task", files), self._write("opt", layers or {})
        entry = entrypoint or self._entrypoint(manifest, task, opt)
        self.output = open(os.path.join(self.folder, "output"), "w+b")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", SANDBOX, os.path.join(home, "rootfs"), task, opt, *entry],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
            env=self._environment(manifest, handler) | (env or {}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # --kill-child ends the namespace with it
        self.process.wait(WAIT_SECONDS)
        self.server.close()
        self.output.close()
        shutil.rmtree(self.folder)

    def _write(self, name, files):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, 0o755)
        for path, text in files.items():
            target = os.path.join(folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w") as file:
                file.write(text)
            os.chmod(target, 0o755)
        return folder

    @staticmethod
    def _entrypoint(manifest, task, opt):
        if manifest["entrypointMode"] == "exec":
            return manifest["entrypoint"]
        places = {"/var/task": task, "/opt": opt}
        return [next(e for e in manifest["entrypoint"] if os.path.exists(places[os.path.dirname(e)] + "/bootstrap"))]

    def _environment(self, manifest, handler):
        return {
            "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2024/01/01/[$LATEST]abc", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_RUNTIME_API": self.server.host, "_HANDLER": handler, "LAMBDA_TASK_ROOT": "/var/task",
            "LAMBDA_RUNTIME_DIR": "/var/runtime", "LANG": "en_US.UTF-8", "TZ": ":UTC",
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        } | manifest["environment"]

    def send(self, event, headers=None, seconds=10.0):
        """Queues an invocation; event is a value, or bytes as they are."""
        self.count += 1
        request_id = f"00000000-0000-4000-8000-{self.count:012d}"
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.server.invocations.put(({
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN, **(headers or {})}, body))
        return request_id

    def receive(self):
        try:
            return self.server.posts.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise AssertionError(f"nothing was posted; output: {self.printed()}") from None

    def invoke(self, event, headers=None):
        """The result of a successful invocation."""
        request_id = self.send(event, headers)
        path, _, body = self.receive()
        assert path == f"invocation/{request_id}/response", f"{path}: {body[:2000]!r}; output: {self.printed()}"
        return json.loads(body) if body else None

    def fail(self, event, headers=None):
        """The error object of an invocation that fails."""
        request_id = self.send(event, headers)
        path, _, body = self.receive()
        assert path == f"invocation/{request_id}/error", f"{path}: {body[:2000]!r}; output: {self.printed()}"
        return json.loads(body)

    def init_error(self):
        path, _, body = self.receive()
        assert path == "init/error", path
        return json.loads(body)

    def wait_exit(self):
        return self.process.wait(WAIT_SECONDS)

    def printed(self):
        with open(self.output.name, encoding="utf-8", newline="\n") as file:
            return file.read()
