"""Local ports that lead into containers of a whole node: tests for node_life.py, on its node."""

import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time

from whole_node import SERVE

RUNTIMES = ["runc", "crun", "lxc"]
ECHO = f"nc -ll -p 7000 -e cat & {SERVE % 0}"


class Forward:
    """`drover port-forward`, to be used in a with statement."""

    def __init__(self, node, name, port=7000):
        self.process = subprocess.Popen(
            [node.build / "agent/cli/drover", "--bus", node.bus, "port-forward", name, f"0:{port}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"127\.0\.0\.1:(\d+) leads to port ", line)
        if not found:
            raise AssertionError(f"{line!r}{self.process.communicate()}")
        self.port = int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.complaints = self.process.communicate(timeout=30)[1]

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def echo(self, data):
        """What comes back until the other end closes, for its own end behind the data."""
        with self.connect() as connection:
            def send():
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            try:
                return b"".join(iter(lambda: connection.recv(65536), b""))
            finally:
                sender.join(60)

    def await_echo(self):
        """Until the program inside listens, and the node is there."""
        until = time.monotonic() + 60
        while True:
            try:
                if self.echo(b"hello") == b"hello":
                    return
            except OSError:
                pass
            if time.monotonic() > until:
                raise AssertionError("no echo came")
            time.sleep(0.05)


class PortForwards:
    def await_end_of(self, connection):
        """It is broken off, also for who goes on writing."""
        until = time.monotonic() + 60
        try:
            while time.monotonic() < until:
                connection.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            return
        self.fail("the connection goes on")

    def test_local_ports_lead_into_containers_and_ends_pass_on(self):
        data = random.Random(3).randbytes(3 << 20)
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"echo-{runtime}"
                self.node.drover("run", "--runtime", runtime, "--name", name, "--", "sh", "-c", ECHO)
                with Forward(self.node, name) as forward:
                    forward.await_echo()
                    self.assertEqual(hashlib.sha256(forward.echo(data)).digest(), hashlib.sha256(data).digest())
                    # Some at once, one of them silent.
                    with forward.connect(), forward.connect() as second:
                        second.sendall(b"one")
                        self.assertEqual(second.recv(3), b"one")
                        self.assertEqual(forward.echo(b"two"), b"two")
                        self.node.drover("rm", "--force", name)
                        self.await_end_of(second)
                self.assertEqual(forward.process.returncode, 130, forward.complaints)
                self.assertIn("drover: connection: ", forward.complaints)

    def test_connections_end_with_the_agent_and_the_front_and_later_ones_work(self):
        self.node.drover("run", "--runtime", "runc", "--name", "echoes", "--", "sh", "-c", ECHO)

        def end_agent():
            self.node.end(signal.SIGKILL)
            self.node.start()

        def end_front():
            front = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"],
                                   stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0]
            os.kill(int(front), signal.SIGKILL)

        with Forward(self.node, "echoes") as forward:
            for accident in (end_agent, end_front):
                forward.await_echo()
                with forward.connect() as connection:
                    connection.sendall(b"before")
                    self.assertEqual(connection.recv(6), b"before")
                    accident()
                    try:
                        self.assertEqual(connection.recv(1), b"")
                    except ConnectionResetError:
                        pass
                forward.await_echo()
        self.node.drover("rm", "--force", "echoes")
        missing = self.node.drover("port-forward", "echoes", "0:7000", check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("echoes", missing.stderr)
