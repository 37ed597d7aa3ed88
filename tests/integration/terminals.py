"""Terminals and piped input of programs inside, of a whole node: tests for node_life.py, on its node."""

import fcntl
import hashlib
import os
import pty
import random
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from whole_node import SERVE

RUNTIMES = ["runc", "crun", "lxc"]


class Screen:
    """A terminal with `drover` on it, and a person before it."""

    def __init__(self, node, *words):
        self.text = ""
        program = str(node.build / "agent/cli/drover")
        self.pid, self.keyboard = pty.fork()
        if self.pid == 0:
            os.execve(program, [program, "--bus", str(node.bus), *words], {**os.environ, "TERM": "vt100"})

    def resize(self, columns, rows):
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.keyboard, keys.encode())

    def type_until(self, keys, text):
        """Once more each second: a shell that has just begun a program may take a Ctrl-C that was meant for that."""
        for _ in range(30):
            self.type(keys)
            try:
                return self.await_text(text, 1)
            except AssertionError:
                pass
        raise AssertionError(f"no {text!r} came, but {self.text!r}")

    def await_text(self, text, seconds=30):
        """All that came up to it, which is taken off."""
        until = time.monotonic() + seconds
        while text not in self.text:
            ready, _, _ = select.select([self.keyboard], [], [], max(0, until - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {text!r} came, but {self.text!r}")
            try:
                self.text += os.read(self.keyboard, 65536).decode()
            except OSError:  # its other end is closed
                raise AssertionError(f"it ended without {text!r}: {self.text!r}") from None
        before, self.text = self.text.split(text, 1)
        return before

    def end(self):
        """The exit code, once it has ended by itself."""
        try:
            while data := os.read(self.keyboard, 65536):
                self.text += data.decode()
        except OSError:
            pass
        os.close(self.keyboard)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Terminals:
    def pipe(self, name, data, *command, between=None):
        """Gives the program the data, some of them before `between`; its exit code and what it printed."""
        process = subprocess.Popen(
            [self.node.build / "agent/cli/drover", "--bus", self.node.bus, "exec", "-i", name, "--", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()))
        reader.start()
        first = 600_000
        process.stdin.write(data[:first])
        process.stdin.flush()
        if between:
            between()
        process.stdin.write(data[first:])
        process.stdin.close()
        reader.join(60)
        complaints = process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        return process.wait(60), output[0].decode(), complaints

    def test_a_shell_inside_has_our_terminal(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"shell-{runtime}"
                self.node.drover("run", "--runtime", runtime, "--name", name, "--", "sh", "-c", SERVE % 0)
                screen = Screen(self.node, "exec", "-it", name, "--", "sh")
                screen.await_text("# ")
                screen.type("tty; echo $TERM; id -u\r")
                screen.await_text("/dev/")
                screen.await_text("vt100\r\n0\r\n")
                screen.resize(132, 50)
                # What the shell has worked out is its answer, and not the echo of what was typed.
                for number in range(100):
                    screen.type(f"stty size; echo r$((100+{number}))\r")
                    if "50 132" in screen.await_text(f"r{100 + number}\r\n"):
                        break
                else:
                    self.fail("it has not the new size")
                # Ctrl-C is the program's.
                screen.type("echo b$((1+1)); sleep 1000\r")
                screen.await_text("b2\r\n")
                screen.type_until("\x03echo c$((2+2))\r", "c4\r\n")
                screen.await_text("# ")
                times = []
                for number in range(20):
                    begun = time.monotonic()
                    screen.type("x" if number % 2 == 0 else "\x7f")
                    screen.await_text("x" if number % 2 == 0 else "\b")
                    times.append(time.monotonic() - begun)
                # On a machine with nothing else to do it takes some milliseconds; a poll of 100 ms would show.
                self.assertLess(min(times), 0.05, times)
                screen.type("\x15exit 7\r")
                self.assertEqual(screen.end(), 7)
                self.node.drover("rm", "--force", name)

    def test_a_shell_that_is_left_runs_on(self):
        self.node.drover("run", "--runtime", "runc", "--name", "left", "--", "sh", "-c", SERVE % 0)
        screen = Screen(self.node, "exec", "-it", "left", "--", "sh", "-c", "echo begun; exec sleep 995")
        screen.await_text("begun")
        screen.type("\x10\x11")
        self.assertEqual(screen.end(), 0)
        self.assertIn("detached", screen.text)
        self.assertIn("sleep 995", self.node.drover("exec", "left", "--", "ps").stdout)
        self.node.drover("rm", "--force", "left")

    def test_what_is_piped_inside_comes_whole_and_once(self):
        data = random.Random(1).randbytes(1 << 20)
        digest = hashlib.sha256(data).hexdigest()
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"pipe-{runtime}"
                self.node.drover("run", "--runtime", runtime, "--name", name, "--", "sh", "-c", SERVE % 0)
                code, output, complaints = self.pipe(name, data, "sh", "-c", "sha256sum; exit 5")
                self.assertEqual((code, output.split()[:1]), (5, [digest]), complaints)
                self.node.drover("rm", "--force", name)

    def test_what_is_piped_inside_comes_whole_though_the_agent_and_the_front_end(self):
        data = random.Random(2).randbytes(1 << 20)
        digest = hashlib.sha256(data).hexdigest()
        self.node.drover("run", "--runtime", "crun", "--name", "pipes", "--", "sh", "-c", SERVE % 0)

        def accidents():
            self.node.end()
            self.node.start()
            front = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"],
                                   stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0]
            os.kill(int(front), signal.SIGKILL)

            self.node.drover("exec", "pipes", "--", "touch", "/go")

        # It does not read on until all is well, so that much is on its way meanwhile.
        script = ("(dd bs=4096 count=100 iflag=fullblock; until [ -e /go ]; do sleep 0.1; done; cat) 2>/dev/null"
                  " | sha256sum")
        code, output, complaints = self.pipe("pipes", data, "sh", "-c", script, between=accidents)
        self.assertEqual((code, output.split()[:1]), (0, [digest]), complaints)
        self.node.drover("rm", "--force", "pipes")

    def test_a_container_reads_what_is_piped_to_it(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                done = subprocess.run(
                    [self.node.build / "agent/cli/drover", "--bus", self.node.bus, "run", "-q", "-i", "--rm", "--runtime",
                     runtime, "--name", f"reads-{runtime}", "--", "sh", "-c", 'read a; echo "got $a"; cat; exit 4'],
                    input="one\ntwo\nthree", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (4, "got one\ntwo\nthree"), done.stderr)

    def test_a_container_has_our_terminal(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                screen = Screen(self.node, "run", "-q", "-it", "--rm", "--runtime", runtime, "--name", f"tty-{runtime}",
                                "--", "sh")
                screen.await_text("# ")
                screen.type("tty; echo $TERM\r")
                screen.await_text("/dev/")
                screen.await_text("vt100\r\n")
                # Its jobs are those of a shell: Ctrl-C is for the one in front.
                screen.type("sleep 1000; echo b$((1+1))\r")
                screen.await_text("\r\n")
                screen.type_until("\x03echo c$((2+2))\r", "c4\r\n")
                screen.type("exit 3\r")
                self.assertEqual(screen.end(), 3)

    def test_a_debian_with_our_terminal_has_its_login_there_and_ends_by_its_own_poweroff(self):
        """With systemd as its init, whose console the terminal is."""
        screen = Screen(self.node, "run", "-q", "-it", "--rm", "--runtime", "lxc", "--name", "seat", "--rootfs", str(self.debian_root),
                        "--memory", "256M", "--pids", "200", "--", "/sbin/init")
        screen.await_text("login: ", 90)
        self.node.drover("exec", "seat", "--", "passwd", "--delete", "root")
        screen.type("root\r")
        screen.await_text("# ", 60)
        screen.type("tty; id -u; echo b$((1+1))\r")
        self.assertIn("/dev/", screen.await_text("b2\r\n"))
        screen.type("sleep 1000; echo c$((1+1))\r")
        screen.await_text("\r\n")
        screen.type_until("\x03echo d$((2+2))\r", "d4\r\n")
        screen.type("systemctl poweroff\r")
        self.assertEqual(screen.end(), 0, screen.text)

    def test_whoever_is_attached_stays_so_over_a_restart_of_the_agent(self):
        script = 'echo before; while read line; do echo "[$line]"; [ "$line" = end ] && exit 9; done'
        self.node.drover("create", "-i", "--runtime", "crun", "--name", "attached", "--", "sh", "-c", script)
        self.node.drover("start", "attached")
        process = subprocess.Popen([self.node.build / "agent/cli/drover", "--bus", self.node.bus, "attach", "attached"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write("one\n")
        process.stdin.flush()
        line = process.stdout.readline()
        # What was printed before is printed too if the container had not come to it yet.
        self.assertEqual(process.stdout.readline() if line == "before\n" else line, "[one]\n")
        self.node.end(signal.SIGKILL)
        self.node.start()
        process.stdin.write("two\nend\n")
        process.stdin.flush()
        self.assertEqual(process.wait(60), 9)
        self.assertEqual(process.stdout.read(), "[two]\n[end]\n")
        process.stdin.close()
        process.stdout.close()
        self.node.drover("rm", "attached")
