#!/usr/bin/python3
"""Checkpoints of a whole node: processes go to the disk and come back, with all that they are connected to.

checkpoint_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own, where CRIU works: checkpoint_vm
runs it in an emulated machine.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from simulator import sh
from whole_node import PATIENCE, SERVE, EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
# What it has counted to is in its memory and nowhere else.
COUNT = 'i=0; trap "exit 7" TERM; while :; do i=$((i+1)); echo at $i; sleep 0.2; done'
SERVER = "trap 'exit 5' TERM; nc -l -p 7000 -e cat & wait; wait"
MOST = 12_000  # lines of FLOOD, which are more than a pipe holds
FLOOD = f"until [ -e /go ]; do sleep 0.1; done; i=0; while [ $i -lt {MOST} ]; do i=$((i+1)); echo at $i; done; sleep 1000"
NETWORK = ["--network", "eth0=apps"]


class CheckpointLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        cls.node = Node(BUILD)
        # On the machine's disk: owners on a tmpfs of Linux 6.1 cannot be mapped for users of containers' own.
        disk = tempfile.mkdtemp(dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, disk, ignore_errors=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.state = cls.node.work / "state"
        cls.state.mkdir(mode=0o700)
        sh("mount", "--bind", disk, str(cls.state))
        cls.node.start()
        cls.node.drover("network", "ensure", "apps", "--address", "10.84.0.1/24")
        cls.stream = EventStream(cls.node)

    def tearDown(self):
        for name in self.node.names():
            self.node.drover("rm", "--force", name)
            self.assertFalse((self.state / "containers" / name).exists())

    def run_one(self, name, script, *options):
        self.node.drover("run", "--runtime", "runc", "--name", name, *options, "--", "sh", "-c", script)

    def await_that(self, what, look):
        until = time.monotonic() + 30 * PATIENCE
        while not (seen := look()):
            self.assertLess(time.monotonic(), until, what)
            time.sleep(0.05)
        return seen

    def counts(self, name):
        return [int(line.split()[1]) for line in self.node.drover("logs", name).stdout.splitlines() if line.startswith("at ")]

    def expect_all(self, name):
        """From 1 on, in order, none left out and none twice. Asked once: it goes on meanwhile."""
        counted = self.counts(name)
        self.assertEqual(counted, list(range(1, len(counted) + 1)))

    def folder(self, name):
        return self.state / "containers" / name / "checkpoint"

    def monitor_of(self, name):
        return int((self.node.work / f"run/pids/{name}.monitor").read_text())

    def test_z_every_event_was_told_as_the_schema_says(self):
        events = self.stream.end_at_head(self)
        exits = [event["data"]["exit"] for event in events if event["type"] == "drover.container.stopped"]
        self.assertIn("checkpoint", [ended.get("reason") for ended in exits])

    def test_a_program_goes_on_where_it_was_with_its_log_address_and_exit_code(self):
        self.run_one("counts", COUNT, "--memory", "64M", "--restart", "always", "--probe-exec", "true", "--probe-interval", "1",
                     "--probe-timeout", "60", *NETWORK)
        self.await_that("it counts", lambda: len(self.counts("counts")) > 3)
        self.await_that("it is healthy", lambda: self.node.inspect("counts").get("health") == "healthy")
        before = self.node.inspect("counts")
        inside = self.node.begin("exec", "counts", "--", "sh", "-c", "echo inside; sleep 1000")
        self.assertEqual(inside.stdout.readline(), "inside\n")
        self.node.drover("checkpoint", "counts")
        inside.communicate(timeout=60 * PATIENCE)
        self.assertEqual(inside.returncode, 137, "what a job runs inside is none of its processes")
        after = self.node.inspect("counts")
        self.assertEqual(after["status"], "stopped")
        self.assertEqual((after["exit"]["code"], after["exit"]["reason"]), (None, "checkpoint"))
        self.assertGreater(after["checkpoint"]["bytes"], 10_000)
        self.assertIn("checkpointed", self.node.drover("ps").stdout)
        for folder in [self.folder("counts"), self.folder("counts") / "images", self.folder("counts") / "work"]:
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        counted = self.counts("counts")
        self.node.drover("restore", "counts")
        self.await_that("it counts on", lambda: len(self.counts("counts")) > len(counted) + 3)
        self.expect_all("counts")
        restored = self.node.inspect("counts")
        self.assertEqual(restored["networks"], before["networks"])
        self.assertIn(before["networks"][0]["address"], self.node.drover("exec", "counts", "--", "ip", "address").stdout)
        self.assertNotIn("checkpoint", restored)
        self.await_that("it is healthy", lambda: self.node.inspect("counts").get("health") == "healthy")
        self.assertEqual(self.node.drover("exec", "counts", "--", "echo", "inside").stdout, "inside\n")
        self.node.drover("stop", "counts")
        self.assertEqual(self.node.inspect("counts")["exit"]["code"], 7)

    def test_one_is_left_running_and_put_back_to_then(self):
        self.run_one("stays", COUNT)
        self.await_that("it counts", lambda: len(self.counts("stays")) > 3)
        self.node.drover("checkpoint", "--leave-running", "stays")
        then = len(self.counts("stays"))
        self.await_that("it counts on", lambda: len(self.counts("stays")) > then + 3)
        self.assertEqual(self.node.inspect("stays")["status"], "running")
        self.node.drover("stop", "stays")
        counted = self.counts("stays")
        self.assertEqual(self.node.inspect("stays")["exit"]["code"], 7)
        self.node.drover("restore", "stays")
        self.await_that("it counts again", lambda: len(self.counts("stays")) > len(counted))
        self.assertLessEqual(self.counts("stays")[len(counted)], then + 2)
        self.assertGreater(self.counts("stays")[len(counted)], 3)

    def test_what_it_had_printed_and_nobody_had_read_is_in_the_log_once(self):
        self.run_one("floods", FLOOD)
        monitor = self.monitor_of("floods")
        os.kill(monitor, signal.SIGSTOP)
        self.node.drover("exec", "floods", "--", "touch", "/go")
        where = pathlib.Path(f"/proc/{self.node.inspect('floods')['pid']}/wchan")
        self.await_that("the pipe is full", lambda: "pipe" in where.read_text())
        asked = self.node.begin("checkpoint", "floods")
        log = self.folder("floods").with_name("checkpoint.begun") / "work" / "dump.log"
        self.await_that("it is written", lambda: log.exists() and "Dumping finished" in log.read_text())
        os.kill(monitor, signal.SIGCONT)
        said = asked.communicate(timeout=60 * PATIENCE)
        self.assertEqual(asked.returncode, 0, said)
        self.assertGreater(len(self.counts("floods")), 1000)
        self.assertLess(len(self.counts("floods")), MOST)
        self.node.drover("restore", "floods")
        self.await_that("it has printed all", lambda: len(self.counts("floods")) >= MOST)
        self.expect_all("floods")

    def test_it_goes_on_after_a_reboot(self):
        """As one leaves a node: nothing is mounted, there is no namespace, and nothing of what lay in /run."""
        self.run_one("wakes", COUNT, "--volume", "data:/data", "--network", "eth0=apps,address=10.84.0.77/24")
        self.await_that("it counts", lambda: len(self.counts("wakes")) > 3)
        before = self.node.inspect("wakes")["networks"]
        self.node.drover("checkpoint", "wakes")
        counted = len(self.counts("wakes"))
        self.node.end()
        with sqlite3.connect(self.state / "journal.db") as journal:
            journal.execute("UPDATE meta SET value = '00000000-0000-0000-0000-000000000000' WHERE key = 'boot_id'")
        journal.close()
        sh("ip", "netns", "delete", "drover-wakes")
        for place in ["rootfs", "volumes/data"]:
            sh("umount", str(self.state / "containers/wakes" / place))
        for folder in ["runc", "pids"]:
            shutil.rmtree(self.node.work / "run" / folder)
        self.node.start()
        self.assertEqual(self.node.inspect("wakes")["exit"]["reason"], "checkpoint")
        self.node.drover("restore", "wakes")
        self.await_that("it counts on", lambda: len(self.counts("wakes")) > counted + 3)
        self.expect_all("wakes")
        self.assertEqual([one["address"] for one in self.node.inspect("wakes")["networks"]],
                         [one["address"] for one in before])
        self.node.drover("exec", "wakes", "--", "touch", "/data/x")

    def test_a_secret_is_in_no_file_of_it(self):
        value = os.urandom(24).hex().encode()
        subprocess.run([BUILD / "agent/cli/drover", "secret", "create", "key", "--config", self.node.work / "droverd.json"],
                       input=value, check=True)
        self.run_one("knows", "sleep 2; " + SERVE % 3, "--secret", "key", "--tmpfs", "/scratch", "--volume", "data:/data")
        self.node.drover("checkpoint", "knows")
        files = [file for file in self.folder("knows").rglob("*") if file.is_file()]
        self.assertGreater(len(files), 10)
        for file in files:
            self.assertNotIn(value, file.read_bytes(), file)
        self.node.drover("restore", "knows")
        told = self.node.drover("exec", "knows", "--", "cat", "/run/secrets/key").stdout
        self.assertEqual(told.encode().strip(), value)
        self.node.drover("exec", "knows", "--", "touch", "/data/x", "/scratch/x")

    def test_open_connections_are_written_only_if_that_is_asked_for(self):
        self.run_one("serves", SERVER, *NETWORK)
        address = self.node.inspect("serves")["networks"][0]["address"].split("/")[0]

        def connect():
            try:
                return socket.create_connection((address, 7000), timeout=5)
            except OSError:
                return None

        with self.await_that("it listens", connect) as connection:
            connection.settimeout(60 * PATIENCE)
            connection.sendall(b"before\n")
            self.assertEqual(connection.recv(64), b"before\n")
            refused = self.node.drover("checkpoint", "serves", check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("tcp-established", refused.stderr)
            self.assertEqual(self.node.inspect("serves")["status"], "running")
            connection.sendall(b"still\n")
            self.assertEqual(connection.recv(64), b"still\n")
            self.node.drover("checkpoint", "--tcp-established", "serves")
            connection.sendall(b"meanwhile\n")
            self.node.drover("restore", "serves")
            self.assertEqual(connection.recv(64), b"meanwhile\n")
            self.node.drover("checkpoint", "--tcp-established", "serves")
        # What is begun anew has a network that lets it through.
        self.node.drover("start", "serves")
        self.await_that("it listens", connect).close()

    def test_input_goes_on(self):
        self.node.drover("create", "-i", "--runtime", "runc", "--name", "reads", "--", "cat")
        self.node.drover("start", "reads")
        self.feed("reads", "one\n")
        self.await_that("it reads", lambda: "one" in self.node.drover("logs", "reads").stdout)
        self.node.drover("checkpoint", "reads")
        self.node.drover("restore", "reads")
        self.feed("reads", "two\n")
        self.await_that("it reads on", lambda: "two" in self.node.drover("logs", "reads").stdout)

    def feed(self, name, text):
        """And leaves, which is no end of its input."""
        writer = subprocess.Popen([BUILD / "agent/cli/drover", "--bus", self.node.bus, "attach", name], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        writer.stdin.write(text)
        writer.stdin.flush()
        self.assertEqual(writer.stdout.readline(), text)
        writer.send_signal(signal.SIGKILL)
        writer.wait(30 * PATIENCE)
        writer.stdin.close()
        writer.stdout.close()

    def test_the_agent_is_killed_in_the_middle_of_both(self):
        self.run_one("lives", COUNT)
        self.await_that("it counts", lambda: len(self.counts("lives")) > 3)
        folder = self.folder("lives").parent
        # With its monitor the restore ends in its middle, and is done again.
        for verb, sign, with_monitor in [("checkpoint", folder / "checkpoint.begun" / "work" / "dump.log", False),
                                         ("restore", folder / "bundle" / "restore.log", False),
                                         ("checkpoint", folder / "checkpoint.begun" / "work" / "dump.log", False),
                                         ("restore", folder / "bundle" / "restore.log", True)]:
            with self.subTest(verb=verb, with_monitor=with_monitor):
                counted = len(self.counts("lives"))
                sign.unlink(missing_ok=True)  # of the restore before
                asked = self.node.begin(verb, "lives")
                self.await_that("it has begun", sign.exists)
                self.node.end(signal.SIGKILL)
                if with_monitor:
                    os.kill(self.monitor_of("lives"), signal.SIGKILL)
                self.node.start()
                said = asked.communicate(timeout=60 * PATIENCE)
                self.assertEqual(asked.returncode, 0, said)
                self.assertEqual(self.node.inspect("lives")["status"], "stopped" if verb == "checkpoint" else "running")
                if verb == "restore":
                    self.await_that("it counts on", lambda: len(self.counts("lives")) > counted + 3)
                    self.expect_all("lives")
        self.node.drover("stop", "lives")
        self.assertEqual(self.node.inspect("lives")["exit"]["code"], 7, "its monitor has seen its end")
        self.assertEqual(json.loads(self.node.drover("leaks", "--json").stdout), [])

    def test_what_cannot_be_is_refused_before_it_is_accepted(self):
        for options, why in [(["--userns", "auto"], "users of its own"), (["--tty"], "has a terminal")]:
            with self.subTest(why=why):
                self.node.drover("create", "--runtime", "runc", "--name", "special", *options, "--", "sleep", "100")
                self.assertIn(why, self.node.drover("checkpoint", "special", check=False).stderr)
                self.node.drover("rm", "special")


if __name__ == "__main__":
    unittest.main(verbosity=2)
