"""Measures bootstraps: time from exec to the first `next`, and sequential echoes a second over one connection.

    bench.py FOLDER-OF-RUNTIMES [NAME...]
"""
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

FILES = {"python3.13": {"index.py": "def handler(event, context):\n    return event\n"},
         "nodejs20.x": {"index.mjs": "export const handler = async (event) => event;\n"},
         "nodejs22.x": {"index.mjs": "export const handler = async (event) => event;\n"}}
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-000000000001\r\n"
        b"Lambda-Runtime-Deadline-Ms: 4000000000000\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n"
        b"Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000\r\n")
ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'


def start(folder, name, files, listener):
    """Without namespaces, so that only the bootstrap is measured: (process, connection, milliseconds to `next`)."""
    home = os.path.join(folder, name)
    with open(os.path.join(home, "manifest.json")) as file:
        manifest = json.load(file)
    with tempfile.TemporaryDirectory(dir=os.path.join(home, "rootfs", "tmp")) as task:
        os.chmod(task, 0o755)
        for path, text in files.items():
            with open(os.path.join(task, path), "w") as file:
                file.write(text)
        env = manifest["environment"] | {"_HANDLER": "index.handler", "LANG": "en_US.UTF-8", "PATH": "/usr/sbin:/usr/bin",
                                         "LAMBDA_TASK_ROOT": "/tmp/" + os.path.basename(task),
                                         "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % listener.getsockname()[1]}
        begin = time.perf_counter()
        process = subprocess.Popen(["/usr/sbin/chroot", "--userspec=1000:1000", "--groups=", os.path.join(home, "rootfs"), *manifest["entrypoint"]], env=env)
        connection, _ = listener.accept()
        connection.settimeout(10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = connection.recv(65536)
        elapsed = (time.perf_counter() - begin) * 1000
    assert received.startswith(b"GET /2018-06-01/runtime/invocation/next"), received
    return process, connection, elapsed


def echo_rate(connection, seconds=3):
    """One invocation at a time; the bootstrap sends its result and the next `next`, together or one after the other."""
    event = b'{"key":"value"}'
    invocation = HEAD + b"Content-Length: %d\r\n\r\n" % len(event) + event
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        connection.sendall(invocation)
        data = connection.recv(65536)
        while b'"value"}' not in data:
            data += connection.recv(65536)
        connection.sendall(ACCEPTED)
        while b"/invocation/next" not in data:
            data += connection.recv(65536)
        count += 1
    return count / seconds


def main():
    folder, names = sys.argv[1], sys.argv[2:] or list(FILES)
    for name in names:
        listener, starts = socket.create_server(("127.0.0.1", 0)), []
        listener.settimeout(10)
        for _ in range(15):
            process, connection, elapsed = start(folder, name, FILES[name], listener)
            starts.append(elapsed)
            with open(f"/proc/{process.pid}/status") as file:
                rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
            if len(starts) == 15:
                echo_rate(connection, 1)
                rate = echo_rate(connection)
            process.kill()
            process.wait()
            connection.close()
        print(f"{name}: start min {min(starts):.1f} ms, median {statistics.median(starts):.1f} ms; {rss / 1024:.1f} MiB resident; {rate:.0f} echoes/s one at a time", flush=True)


if __name__ == "__main__":
    main()
