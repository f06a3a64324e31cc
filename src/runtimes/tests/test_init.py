"""Drives init over its socket, as an unprivileged user in a pid namespace of its own. Needs root."""
import os
import socket
import struct
import subprocess
import tempfile
import time
import unittest

INIT = os.path.join(os.environ["FNQ_TEST_RUNTIMES"], "init")


class Sandbox:
    """init as process 1 of a new pid namespace: its kill(-1) reaches nothing of this machine."""

    def __init__(self):
        self.worker, inner = socket.socketpair()
        self.worker.settimeout(10)
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
             "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", INIT],
            stdout=self.output, stderr=self.output, pass_fds=(3,), preexec_fn=lambda: os.dup2(inner.fileno(), 3))
        inner.close()

    def send(self, kind, payload=b""):
        self.worker.sendall(struct.pack("<I", len(payload)) + kind + payload)

    def start(self, *argv, cwd="/", env=()):
        self.send(b"S", b"".join(s.encode() + b"\0" for s in (cwd, str(len(argv)), *argv, *env)))

    def receive(self):
        header = self.read(5)
        payload = self.read(struct.unpack("<I", header[:4])[0])
        return header[4:], struct.unpack("<i", payload)[0] if payload else None

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.worker.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def printed(self):
        self.output.seek(0)
        return self.output.read().decode()

    def wait_printed(self, text):
        deadline = time.monotonic() + 10
        while text not in self.printed():
            assert time.monotonic() < deadline, f"no {text!r} in {self.printed()!r}"
            time.sleep(0.005)
        return self.printed()

    def close(self):
        self.worker.close()
        self.process.wait(10)
        self.output.close()


class InitTests(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)

    def sh(self, script, **options):
        self.box.start("/bin/sh", "-c", script, **options)

    def test_reports_the_exit_code(self):
        self.sh("exit 7")
        self.assertEqual((b"X", 7), self.box.receive())

    def test_reports_the_signal_as_a_negative_number(self):
        self.sh("kill -9 $$")
        self.assertEqual((b"X", -9), self.box.receive())

    def test_starts_again_after_an_exit(self):
        for code in (0, 3):
            self.sh(f"exit {code}")
            self.assertEqual((b"X", code), self.box.receive())

    def test_passes_arguments_folder_and_exactly_the_environment(self):
        self.box.start("/bin/sh", "-c", 'echo "$0|$1|$(pwd)"; /usr/bin/env', "a b", "", cwd="/usr", env=("K=v w", "EMPTY="))
        self.assertEqual((b"X", 0), self.box.receive())
        lines = self.box.printed().splitlines()
        self.assertEqual("a b||/usr", lines[0])
        self.assertEqual({"K=v w", "EMPTY=", "PWD=/usr"}, {l for l in lines[1:] if not l.startswith("_=")})

    def test_searches_the_childs_path(self):
        self.box.start("env", env=("PATH=/nowhere:/usr/bin",))
        self.assertEqual((b"X", 0), self.box.receive())

    def test_reports_a_missing_program(self):
        self.box.start("/nowhere/bootstrap")
        self.assertEqual((b"F", 2), self.box.receive())
        self.box.start("nothing-of-that-name", env=("PATH=/usr/bin:/bin",))
        self.assertEqual((b"F", 2), self.box.receive())
        self.sh("exit 0")
        self.assertEqual((b"X", 0), self.box.receive())

    def test_reports_a_program_that_may_not_run_and_a_missing_folder(self):
        self.box.start("/etc/passwd")
        self.assertEqual((b"F", 13), self.box.receive())
        self.box.start("/bin/true", cwd="/nowhere")
        self.assertEqual((b"F", 2), self.box.receive())

    def test_kill_ends_everything_and_reports_no_exit(self):
        self.sh("(trap '' TERM; setsid sleep 1000) & sleep 1000 & echo up; wait")
        self.box.wait_printed("up")
        self.box.send(b"K")
        self.assertEqual((b"K", None), self.box.receive())
        self.sh("set -- /proc/[0-9]*; echo $#")
        self.assertEqual((b"X", 0), self.box.receive())
        self.assertEqual("2", self.box.printed().split()[-1])  # init, sh

    def test_kill_with_nothing_running_is_answered(self):
        self.box.send(b"K")
        self.assertEqual((b"K", None), self.box.receive())

    def test_kill_ends_a_fork_storm(self):
        self.sh("f() { /bin/true; f & f & wait; }; ulimit -u 300; f 2>/dev/null & echo up; wait")
        self.box.wait_printed("up")
        self.box.send(b"K")
        self.assertEqual((b"K", None), self.box.receive())

    def test_terminate_reaches_the_child(self):
        self.sh("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done")
        self.box.wait_printed("up")
        self.box.send(b"T")
        self.assertEqual((b"X", 5), self.box.receive())
        self.assertIn("bye", self.box.printed())

    def test_reaps_orphans(self):
        self.sh("for i in 1 2 3; do setsid sh -c 'sleep 0.05' & done; sleep 0.3; cat /proc/[0-9]*/stat | grep -c ' Z '; exit 0")
        self.assertEqual((b"X", 0), self.box.receive())
        self.assertEqual("0", self.box.printed().split()[-1])

    def test_hang_up_ends_the_namespace(self):
        self.sh("trap '' HUP TERM; echo up; sleep 1000")
        self.box.wait_printed("up")
        self.box.worker.close()
        self.assertEqual(0, self.box.process.wait(10))

    def test_hang_up_in_the_middle_of_a_frame_ends_init(self):
        self.box.worker.sendall(b"\x10\0\0\0S/")
        self.box.worker.close()
        self.assertEqual(0, self.box.process.wait(10))

    def test_refuses_too_large_and_unknown_frames(self):
        for bad in (struct.pack("<I", (1 << 20) + 1) + b"S", b"\0\0\0\0Z", b"\x02\0\0\0S/a", b"\x04\0\0\0S/\x009\0"):
            with self.subTest(bad):
                box = Sandbox()
                box.worker.sendall(bad)
                self.assertEqual(2, box.process.wait(10))
                box.close()

    def test_takes_a_frame_in_pieces_and_two_at_once(self):
        self.box.worker.sendall(b"\x16\0\0\0")
        self.box.worker.sendall(b"S/\x003\0/bin/sh\0-c\0")
        self.box.worker.sendall(b"exit 9\0" + b"\0\0\0\0T")
        self.assertIn(self.box.receive(), [(b"X", 9), (b"X", -15)])

    def test_the_child_is_clean(self):
        self.sh("ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/fd/0; grep -E 'Sig(Blk|Ign)|CapEff' /proc/self/status; "
                "cut -d' ' -f6 /proc/$$/stat; ls -l /proc/1/fd 2>&1 | head -1; exit 0")
        self.assertEqual((b"X", 0), self.box.receive())
        out = self.box.printed()
        self.assertTrue(out.startswith("0 1 2 3 /dev/null\n"), out)  # 3 is the folder that ls reads
        self.assertEqual(3, out.count("0000000000000000"), out)
        self.assertIn("denied", out)  # process 1 is not dumpable

    def test_stays_small(self):
        self.sh("echo up; sleep 1000", env=["A=" + "x" * 4000])
        self.box.wait_printed("up")
        children = f"/proc/{self.box.process.pid}/task/{self.box.process.pid}/children"
        with open(children) as file:
            pid = file.read().split()[0]
        with open(f"/proc/{pid}/status") as file:
            rss = next(int(l.split()[1]) for l in file if l.startswith("VmRSS"))
        print(f"init: {rss} KiB resident")
        self.assertLess(rss, 1024)

