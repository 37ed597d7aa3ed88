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

import jsonschema
import zmq

from whole_node import SERVE, TOP, EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
DEBIAN = pathlib.Path(sys.argv.pop(1)).resolve()
RUNTIMES = ["runc", "crun", "lxc"]


class NodeLife(unittest.TestCase):
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
        deadline = time.monotonic() + 20
        while f'"seq":{head},' not in pathlib.Path(f"/proc/self/fd/{self.stream.output.fileno()}").read_text():
            self.assertLess(time.monotonic(), deadline, "the stream did not come to the last event")
            time.sleep(0.05)
        code, complaints, events = self.stream.end()
        self.assertEqual(code, 130)
        self.assertEqual(complaints, "")
        self.assertEqual([event["seq"] for event in events], list(range(1, head + 1)))
        schema = json.loads((TOP / "docs/schema/event.schema.json").read_text())
        check = jsonschema.Draft7Validator(schema)
        for event in events:
            faults = [error.message for error in check.iter_errors(event)]
            self.assertEqual(faults, [], event)
        kinds = {event["type"] for event in events}
        every = set()
        for part in schema["allOf"]:
            names = part["then"]["properties"].get("type", {}).get("enum", [])
            every.update(names)
        # Not met in this life: a cancelled job, one that waits or is tried again, what could not be undone, a
        # drained node, a full disk, a lost journal (journal_life.py), leaks, and what keep_life.py is about.
        self.assertEqual(every - kinds, {"drover.job.cancelled", "drover.job.waiting", "drover.job.retrying",
                                         "drover.container.unknown", "drover.container.backoff",
                                         "drover.container.gave_up", "drover.container.healthy",
                                         "drover.container.unhealthy", "drover.container.updated",
                                         "drover.node.drained", "drover.node.undrained",
                                         "drover.node.disk_full", "drover.node.disk_ok",
                                         "drover.node.journal_rebuilt", "drover.resource.leaked",
                                         "drover.resource.kept", "drover.resource.collected"})
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

    def test_images_come_and_go(self):
        layout = self.node.work / "second"
        subprocess.run([TOP / "packaging/busybox-image", layout], check=True, stdout=subprocess.DEVNULL)
        image = f"oci:{layout}:busybox"
        self.node.drover("image", "pull", image)
        self.node.drover("run", "--runtime", "runc", "--name", "of-image", "--image", image, "--", "sh", "-c", SERVE % 0)
        (seen,) = [row for row in json.loads(self.node.drover("image", "ls", "--json").stdout) if row["name"] == image]
        self.assertEqual(seen["containers"], ["of-image"])
        self.assertGreater(seen["bytes"], 100_000)
        used = self.node.drover("image", "rm", image, check=False)
        self.assertEqual(used.returncode, 1)
        self.assertIn("in use by of-image", used.stderr)
        self.node.drover("rm", "--force", "of-image")
        self.node.drover("image", "rm", image)
        self.assertNotIn(image, self.node.drover("image", "ls", "--quiet").stdout)

    def test_a_volume_outlives_its_containers_and_grows(self):
        drover = self.node.drover
        drover("volume", "create", "kept", "--storage", "local-image", "--size", "32M")
        drover("volume", "create", "plain")
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"keeps-{runtime}"
                drover("run", "--runtime", runtime, "--name", name, "--mount", "kept:/data", "--mount", "plain:/plain",
                       "--", "sh", "-c", f"echo {runtime} | tee -a /plain/all >>/data/all; {SERVE % 0}")
                self.assertIn(name, drover("volume", "rm", "kept", check=False).stderr)
                self.assertIn("stop that before", drover("volume", "resize", "kept", "64M", check=False).stderr)
                drover("stop", name)
                drover("rm", name)
        # Stopped, copied and grown, and started again with both mounted anew.
        drover("run", "--runtime", "runc", "--name", "grows", "--mount", "kept:/data", "--", "sh", "-c",
               f"df -m /data | tail -1 >>/data/sizes; {SERVE % 0}")
        drover("stop", "grows")
        drover("volume", "snapshot", "kept", "before")
        drover("volume", "resize", "kept", "96M")
        drover("start", "grows")
        told = drover("exec", "grows", "--", "cat", "/data/all", "/data/sizes").stdout.split()
        self.assertEqual(told[:3], RUNTIMES)
        sizes = [int(told[i + 1]) for i in range(3, len(told), 6)]
        self.assertEqual(len(sizes), 2, told)
        self.assertLess(sizes[0], 33)
        self.assertGreater(sizes[1], 80)
        drover("rm", "--force", "grows")
        seen = drover("run", "--runtime", "runc", "--name", "looks", "--mount", "before:/data:ro", "--wait", "--rm", "--",
                      "sh", "-c", "cat /data/all; touch /data/x || echo read-only").stdout.split()
        self.assertEqual(seen, RUNTIMES + ["read-only"])
        drover("volume", "rm", "kept", "before", "plain")
        self.assertEqual(drover("volume", "ls", "--quiet").stdout, "")
        self.assertEqual(os.listdir(self.node.work / "state/volumes"), [])

    def test_limits_change_while_it_runs_and_hold_after_a_restart(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"limits-{runtime}"
                self.node.drover("run", "--runtime", runtime, "--name", name, "-m", "64M", "--pids", "50", "--", "sh", "-c",
                                 SERVE % 0)
                self.node.drover("update", name, "--pids", "30")
                for _ in range(2):
                    self.assertEqual(self.node.inspect(name)["spec"]["resources"], {"memory_mib": 64, "pids": 30})
                    self.assertEqual(self.pids_max(self.node.await_status(name, "running")["pid"]), "30")
                    self.node.drover("restart", name)
                self.node.drover("rm", "--force", name)

    def pids_max(self, pid):
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            number, controllers, group = line.split(":", 2)
            folder = "/sys/fs/cgroup" + ("/" + controllers if controllers else "")
            if controllers == "pids" or number == "0":
                file = pathlib.Path(folder + group) / "pids.max"
                if file.exists():
                    return file.read_text().strip()
        return None

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
        os.kill(int(children[0]), signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.node.drover("node", check=False).returncode != 0:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(self.node.inspect("stays")["status"], "running")
        self.node.drover("rm", "--force", "stays")


class NodeOfProxmox(unittest.TestCase):
    """What is different where volumes lie on a storage of Proxmox (tests/pve-sim)."""

    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()

    def test_a_volume_outlives_its_containers_and_grows(self):
        drover = self.node.drover
        drover("volume", "create", "kept", "--size", "32M")
        drover("run", "--runtime", "runc", "--name", "one", "--network", "none", "--mount", "kept:/data", "--", "sh", "-c",
               f"echo one >/data/text; {SERVE % 0}")
        drover("stop", "one")
        drover("volume", "snapshot", "kept", "copy")
        drover("volume", "resize", "kept", "64M")
        volumes = {row["name"]: row for row in json.loads(drover("volume", "ls", "--json").stdout)}
        for name, size in {"kept": 64, "copy": 32}.items():
            self.assertTrue(volumes[name]["id"].startswith("local:999000000/vm-999000000-standing-"), volumes[name])
            self.assertEqual(volumes[name]["size_mib"], size)
        drover("rm", "one")
        for name in ["kept", "copy"]:
            seen = drover("run", "--runtime", "runc", "--name", "two", "--network", "none", "--mount", f"{name}:/data",
                          "--wait", "--rm", "--", "cat", "/data/text")
            self.assertEqual(seen.stdout, "one\n")
        drover("volume", "rm", "kept", "copy")
        folder = self.node.simulator.folder
        self.assertEqual([str(path) for path in folder.rglob("vm-999000000-*")], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
