#!/usr/bin/python3
"""A whole node: droverd with its front, driven by the command line and by raw messages.

node_life.py BUILD_DIRECTORY DEBIAN_ROOT, in a mount and a network namespace of its own (node_life_test).
"""

import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import zmq

from port_forwards import PortForwards
from python_examples import PythonExamples
from tcp_keys import TcpKeys
from terminals import Terminals
from unmet_events import UNMET
from whole_node import SERVE, TOP, EventStream, Node, expect_events_of_schema

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
DEBIAN = pathlib.Path(sys.argv.pop(1)).resolve()
RUNTIMES = ["runc", "crun", "lxc"]


class NodeLife(PortForwards, PythonExamples, TcpKeys, Terminals, unittest.TestCase):
    debian_root = DEBIAN

    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.stream = EventStream(cls.node)

    def test_z_every_event_was_told_once_in_order_as_the_schema_says(self):
        """The last of all: the stream followed the node through the other tests."""
        root = self.node.work / "no-such-root"
        failed = self.node.drover("run", "--runtime", "runc", "--name", "fails", "--rootfs", str(root), "--", "true",
                                  check=False)
        self.assertNotEqual(failed.returncode, 0)
        self.node.drover("run", "--runtime", "runc", "--name", "paused", "--", "sh", "-c", SERVE % 0)
        self.node.drover("pause", "paused")
        self.node.drover("resume", "paused")
        self.node.drover("rm", "--force", "paused")
        head = json.loads(self.node.drover("node", "--json").stdout)["seq"]
        self.stream.come_to(head)
        code, complaints, events = self.stream.end()
        self.assertEqual(code, 130)
        self.assertEqual(complaints, "")
        self.assertEqual([event["seq"] for event in events], list(range(1, head + 1)))
        schema = json.loads((TOP / "docs/schema/event.schema.json").read_text())
        expect_events_of_schema(self, events)
        kinds = {event["type"] for event in events}
        every = set()
        for part in schema["allOf"]:
            names = part["then"]["properties"].get("type", {}).get("enum", [])
            every.update(names)
        self.assertEqual(every - kinds, UNMET)
        counts = collections.Counter()
        for event in events:
            kind = event["type"].split(".")[1]
            counts.update([kind, (kind, event["subject"])])
            self.assertEqual(event["kseq"], counts[kind], event)
            self.assertEqual(event["oseq"], counts[kind, event["subject"]], event)

    def test_a_debian_root_runs_on_every_runtime(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                done = self.node.drover(
                    "run", "--runtime", runtime, "--name", f"debian-{runtime}", "--rootfs", str(DEBIAN), "--wait", "--rm",
                    "--", "/bin/bash", "-c", "dpkg-query -W -f '${Package} ' bash apt && touch /new && id -u")
                self.assertEqual(done.stdout.split(), ["apt", "bash", "0"], done.stderr)
        self.assertFalse((DEBIAN / "new").exists(), "a container wrote into the root it was made from")

    def test_a_debian_boots_in_lxc_and_is_shut_down(self):
        """With systemd as its init, confined as any container is."""
        limits = ["--memory", "256M", "--pids", "200"]
        self.node.drover("run", "--runtime", "lxc", "--name", "system", "--rootfs", str(DEBIAN), *limits, "--",
                         "/sbin/init")
        until = time.monotonic() + 60
        state = ""
        while state not in ("running", "degraded") and time.monotonic() < until:
            time.sleep(0.1)
            state = self.node.drover("exec", "system", "--", "systemctl", "is-system-running", check=False).stdout.strip()
        failed = self.node.drover("exec", "system", "--", "systemctl", "--failed", "--no-legend", check=False).stdout
        self.assertEqual(state, "running", failed)
        journal = self.node.drover("exec", "system", "--", "journalctl", "--unit", "dbus", "--quiet").stdout
        self.assertIn("Started dbus.service", journal)
        # Its limits are out of its reach, though it makes groups of its own.
        loosened = self.node.drover("exec", "system", "--", "sh", "-c",
                                    "cd /sys/fs/cgroup; echo max >pids/pids.max; ls -d systemd/system.slice system.slice",
                                    check=False)
        self.assertIn("system.slice", loosened.stdout)
        group = pathlib.Path("/sys/fs/cgroup/pids/drover-lxc.system/pids.max")
        if group.exists():
            self.assertEqual(group.read_text(), "200\n")
            self.node.drover("update", "system", "--pids", "300")
            self.assertEqual(group.read_text(), "300\n")
        refused = self.node.drover("update", "system", "--pids", "3", check=False)
        self.assertIn("it has", refused.stderr)
        begun = time.monotonic()
        self.node.drover("stop", "system")
        self.assertEqual(self.node.inspect("system")["exit"]["code"], 0)
        self.assertLess(time.monotonic() - begun, 10, "it was ended by SIGKILL after its grace")
        console = self.node.drover("logs", "system").stdout
        self.assertIn("Multi-User System", console)
        self.assertIn("Exiting container.", console)
        self.node.drover("rm", "system")

    def test_exit_codes_come_through(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                done = self.node.drover(
                    "run", "--runtime", runtime, "--name", f"seven-{runtime}", "--wait", "--",
                    "sh", "-c", "echo hello; exit 7", check=False)
                self.assertEqual(done.returncode, 7, done.stderr)
                self.assertIn("hello", done.stdout)
                self.node.drover("rm", f"seven-{runtime}")
        self.assertEqual([name for name in self.node.names() if name.startswith("seven")], [])

    def test_nobody_waits_for_a_command_inside(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"inside-{runtime}"
                self.node.drover("run", "--runtime", runtime, "--name", name, "--", "sh", "-c", SERVE % 0)
                inside = self.node.begin("exec", name, "--", "sh", "-c", "echo begun; sleep 1000")
                self.assertEqual(inside.stdout.readline(), "begun\n")
                self.node.drover("stop", name)
                self.assertEqual(inside.wait(30), 137, inside.stderr.read())
                self.node.drover("rm", name)
                inside.stdout.close()
                inside.stderr.close()

    def test_a_command_inside_outlives_an_agent_that_is_killed(self):
        """Nothing that it prints is lost, nor its exit code."""
        names = [f"holds-{runtime}" for runtime in RUNTIMES]
        counts = "n=0; until test -e /go; do echo $n; n=$((n + 1)); sleep 0.01; done; echo end $n; exit 9"
        pids = []
        commands = []
        for runtime, name in zip(RUNTIMES, names):
            self.node.drover("run", "--runtime", runtime, "--name", name, "--", "sh", "-c", SERVE % 0)
            pids.append(self.node.await_status(name, "running")["pid"])
            commands.append(self.node.begin("exec", name, "--", "sh", "-c", counts))
        for command in commands:
            self.assertEqual(command.stdout.readline(), "0\n")
        self.node.end(signal.SIGKILL)
        self.node.start()
        for name in names:
            self.node.drover("exec", name, "--", "sh", "-c", ": >/go")
        for command in commands:
            printed = command.stdout.read().splitlines()
            self.assertEqual(command.wait(30), 9, command.stderr.read())
            count = int(printed[-1].split()[1])
            self.assertEqual(printed, [*map(str, range(1, count)), f"end {count}"])
            command.stdout.close()
            command.stderr.close()
        for name, pid in zip(names, pids):
            self.assertEqual(self.node.await_status(name, "running")["pid"], pid)
            self.node.drover("rm", "--force", name)

    def test_containers_outlive_an_agent_that_is_killed(self):
        names = {}
        for number in range(10):
            runtime = RUNTIMES[number % 3]
            name = f"ten-{number}"
            self.node.drover("run", "--runtime", runtime, "--name", name, "--", "sh", "-c",
                             SERVE % (20 + number))
            names[name] = 20 + number
        pids = {name: self.node.await_status(name, "running")["pid"] for name in names}
        self.node.end(signal.SIGKILL)
        # Two end while nobody looks.
        os.kill(pids["ten-0"], signal.SIGTERM)
        os.kill(pids["ten-2"], signal.SIGTERM)
        for name in ["ten-0", "ten-2"]:
            while os.path.exists(f"/proc/{pids[name]}"):
                time.sleep(0.05)
        self.node.start()
        for name in ["ten-0", "ten-2"]:
            self.assertEqual(self.node.await_status(name, "stopped")["exit"]["code"], names[name])
        for name in names:
            if name in ["ten-0", "ten-2"]:
                continue
            seen = self.node.inspect(name)
            self.assertEqual(seen["status"], "running", name)
            self.assertEqual(seen["pid"], pids[name], f"{name} was restarted")
            self.node.drover("stop", name)
            self.assertEqual(self.node.inspect(name)["exit"]["code"], names[name], name)
        for name in names:
            self.node.drover("rm", name)
        self.assertFalse([p for p in pids.values() if os.path.exists(f"/proc/{p}")])
        self.assertEqual(os.listdir("/run/netns"), [])

    def test_keys_are_in_force_as_their_files_change_and_tcp_is_not_served_without(self):
        keys = self.node.work / "keys"
        config = ("--config", self.node.work / "droverd.json")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.node.end()
        self.node.config["bus"].update(keys=str(keys), tcp={"address": "127.0.0.1"})
        self.node.write_config()
        without = subprocess.run([BUILD / "agent/daemon/droverd", *config], stderr=subprocess.PIPE, text=True,
                                 timeout=60)
        self.assertEqual(without.returncode, 1, without.stderr)
        self.assertIn(f"drover keys new {keys}/server.key", without.stderr)
        self.node.drover("keys", "new", keys / "server.key")
        self.node.start()
        public = self.node.drover("keys", "new", self.node.work / "ci.key").stdout.strip()
        self.node.drover("keys", "allow", *config, "ci", public, "--role", "submit")
        self.node.await_event("drover.security.keys_reloaded", "node1")
        (keys / "allow.json").write_text("{}")
        self.node.await_event("drover.security.keys_refused", "node1")
        self.node.end()
        del self.node.config["bus"]["tcp"]
        self.node.write_config()
        self.node.start()

    def test_a_malformed_job_is_refused_and_the_next_one_served(self):
        context = zmq.Context()
        socket = context.socket(zmq.DEALER)
        self.addCleanup(context.term)
        self.addCleanup(socket.close, 0)
        socket.connect(f"ipc://{self.node.bus}/jobs.sock")

        def ask(body, header=None):
            header = header or json.dumps({"v": 1, "kind": "job.submit", "rq": 5}).encode()
            socket.send_multipart([header, body])
            self.assertTrue(socket.poll(20000), f"no answer to {body[:60]!r}")
            frames = socket.recv_multipart()
            return json.loads(frames[0])["kind"], json.loads(frames[1])

        def job(**changes):
            whole = {"id": "bad-1", "verb": "container.stop", "target": "nobody"}
            whole.update(changes)
            return json.dumps({k: v for k, v in whole.items() if v is not None}).encode()

        bad = {
            "no JSON": b"hello",
            "a wrong type": job(target=7),
            "an unknown field": job(colour="red"),
            "a missing field": job(verb=None),
            "far too deep": b"[" * 10000 + b"]" * 10000,
            "a frame of 64 MiB": b"x" * (64 << 20),
        }
        for number, (what, body) in enumerate(bad.items()):
            with self.subTest(what):
                kind, answer = ask(body)
                self.assertEqual((kind, answer["code"]), ("error", "invalid"), answer)
                self.assertEqual(ask(job(id=f"good-{number}"))[0], "job.accepted")
        kind, answer = ask(job(colour="red", size=1))
        self.assertEqual({fault["pointer"] for fault in answer["faults"]}, {"/colour", "/size"})
        kind, answer = ask(b"{}", header=b"not a header")
        self.assertEqual((kind, answer["code"]), ("error", "invalid"))
        self.assertEqual(ask(job(id="twice"))[0], "job.accepted")
        kind, answer = ask(job(id="twice", target="somebody"))
        self.assertEqual((kind, answer["code"]), ("error", "conflict"))
        kind, answer = ask(job(id="twice"))
        self.assertTrue(kind == "job.accepted" and answer["duplicate"])

    def test_a_front_that_dies_costs_nothing_but_a_moment(self):
        self.node.drover("run", "--runtime", "runc", "--name", "stays", "--", "sh", "-c", SERVE % 3)
        children = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"],
                                  stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{children[0]}/status").read_text().splitlines())
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual({int(status[name], 16) for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]}, {0})
        limits = pathlib.Path(f"/proc/{children[0]}/limits").read_text()
        self.assertRegex(limits, r"Max address space +1073741824 +1073741824 ")
        self.assertRegex(limits, r"Max open files +(\d+) +\1 ")
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        os.kill(int(children[0]), signal.SIGABRT)
        deadline = time.monotonic() + 10
        while self.node.drover("node", check=False).returncode != 0:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(self.node.inspect("stays")["status"], "running")
        self.node.drover("rm", "--force", "stays")


if __name__ == "__main__":
    unittest.main(verbosity=2)
