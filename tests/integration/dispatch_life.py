#!/usr/bin/python3
"""dispatch_life.py BUILD: two nodes and two dispatchers, each in a network of its own, and an operator who knows the
dispatchers only. In a mount and a network namespace of its own, as root."""

import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import zmq

from whole_cluster import Cluster
from whole_node import PATIENCE, SERVE


class DispatchLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="drover-client-")
        public, secret = (key.decode() for key in zmq.curve_keypair())
        cls.key = pathlib.Path(cls.folder.name, "boss.key")
        cls.key.write_text(json.dumps({"public": public, "secret": secret}))
        cls.key.chmod(0o600)
        cls.cluster = Cluster(build, nodes=2, dispatchers=2, etcd=0)
        cls.addClassCleanup(cls.cluster.tear_down)
        cls.cluster.configure({"boss": public})
        for number, node in enumerate(cls.cluster.nodes, 1):
            node.do("configure", members={"labels": {"rack": f"r{number}"}})
        cls.cluster.start()
        cls.await_nodes("alive", "alive")

    @classmethod
    def argv(cls, *words):
        where = []
        for one in cls.cluster.dispatchers:
            where += ["--dispatcher", f"tcp://{one.address}", "--server-key", one.public]
        return [build / "agent/cli/drover", *where, "--key", cls.key, *words]

    @classmethod
    def drover(cls, *words, code=0):
        done = subprocess.run(cls.argv(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=120 * PATIENCE)
        if code is not None and done.returncode != code:
            logs = "\n".join(machine.do("log")[-3000:] for machine in cls.cluster.machines.values())
            raise AssertionError(f"drover {words}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{logs}")
        return done

    @classmethod
    def await_nodes(cls, *livenesses):
        """Both are so, as the dispatcher sees it that is asked."""
        deadline = time.monotonic() + 60 * PATIENCE
        while True:
            done = cls.drover("nodes", "--json", code=None)
            rows = json.loads(done.stdout) if done.stdout.strip() else []
            seen = tuple(row["liveness"] for row in sorted(rows, key=lambda row: row["node"]))
            if seen == livenesses:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"the nodes are {seen} and not {livenesses}: {done.stderr}")
            time.sleep(0.1)

    def places(self, name):
        return json.loads(self.drover("where", name, "--json", code=None).stdout)

    def run_one(self, name, *words):
        self.drover("run", "--runtime", "crun", "--name", name, *words, "--", "sh", "-c", SERVE % 0)
        self.addCleanup(self.drover, "rm", "--force", name, code=None)
        return self.places(name)[0]["node"]

    def test_a_container_for_any_node_is_found_and_worked_with_wherever_it_is(self):
        node = self.run_one("web")
        self.assertIn(node, ("node1", "node2"))
        listed = self.drover("ps").stdout
        self.assertRegex(listed, rf"{node}\s+web\s+crun\s+running")
        self.assertEqual(self.drover("exec", "web", "--", "echo", "here").stdout, "here\n")
        self.drover("stop", "web")
        self.drover("rm", "web")
        self.assertEqual(self.places("web"), [])

    def test_labels_choose_a_node_and_a_plan_says_why(self):
        self.assertEqual(self.run_one("second", "--needs-label", "rack=r2"), "node2")
        plan = self.drover("plan", "--runtime", "crun", "--name", "third", "--needs-label", "rack=r1", "--", "true").stdout
        self.assertIn("node1", plan)
        self.assertRegex(plan, r"node2.*rack")

    def test_what_is_piped_through_a_dispatcher_comes_whole(self):
        self.run_one("pipe")
        data = bytes(range(256)) * 2048
        done = subprocess.run(self.argv("exec", "-i", "pipe", "--", "sha256sum"), input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120 * PATIENCE)
        self.assertEqual((done.returncode, done.stdout.split()[:1]), (0, [hashlib.sha256(data).hexdigest().encode()]),
                         done.stderr)

    def test_events_of_all_nodes_come_once_and_in_the_order_of_each(self):
        output = tempfile.TemporaryFile("w+")
        self.addCleanup(output.close)
        stream = subprocess.Popen(self.argv("events", "-f", "--json", "--after", "node1=0", "--after", "node2=0"), stdout=output,
                                  stderr=subprocess.PIPE, text=True)
        for number in (1, 2):
            self.drover("--to", f"node{number}", "run", "--wait", "--rm", "--runtime", "crun", "--name", f"short{number}", "--", "true")
        # One of the dispatchers dies meanwhile.
        self.cluster.dispatchers[0].do("signal", number=signal.SIGKILL)
        self.addCleanup(self.await_nodes, "alive", "alive")
        self.addCleanup(self.cluster.dispatchers[0].do, "start")
        self.run_one("later")
        deadline = time.monotonic() + 60 * PATIENCE

        def seen():
            text = pathlib.Path(f"/proc/self/fd/{output.fileno()}").read_text()
            return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

        while not any(event["type"] == "drover.container.running" and event["subject"] == "later" for event in seen()):
            self.assertLess(time.monotonic(), deadline, "no event of the last container")
            time.sleep(0.1)
        stream.send_signal(signal.SIGINT)
        stream.communicate(timeout=30 * PATIENCE)
        for node in ("node1", "node2"):
            numbers = [event["seq"] for event in seen() if event["source"] == f"/drover/{node}"]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), node)

    def test_a_node_without_a_network_is_unreachable_and_nothing_is_begun_twice(self):
        self.run_one("fixed", "--needs-label", "rack=r2")
        self.cluster.nodes[1].disconnect()
        self.addCleanup(self.await_nodes, "alive", "alive")
        self.addCleanup(self.cluster.nodes[1].connect)
        self.await_nodes("alive", "dead")
        self.assertRegex(self.drover("ps", code=1).stdout, r"fixed.*unreachable")
        self.assertEqual(self.run_one("moved"), "node1")
        done = self.drover("stop", "fixed", code=None)
        self.assertNotEqual(done.returncode, 0)
        self.cluster.nodes[1].connect()
        self.await_nodes("alive", "alive")
        self.assertRegex(self.drover("ps").stdout, r"node2\s+fixed\s+crun\s+running")

    def test_packets_that_are_lost_one_way_only_make_a_node_dead_as_well(self):
        for sent in (True, False):
            with self.subTest(sent=sent):
                self.cluster.nodes[0].drop(sent=sent)
                try:
                    self.await_nodes("dead", "alive")
                finally:
                    self.cluster.nodes[0].undrop(sent=sent)
                self.await_nodes("alive", "alive")

    def test_agents_and_dispatchers_that_are_killed_come_back(self):
        self.run_one("lives", "--needs-label", "rack=r1")
        node = self.cluster.nodes[0]
        node.do("signal", number=signal.SIGKILL)
        node.do("start")
        for one in self.cluster.dispatchers:
            one.do("signal", number=signal.SIGKILL)
        for one in self.cluster.dispatchers:
            one.do("start")
        self.await_nodes("alive", "alive")
        self.assertRegex(self.drover("ps").stdout, r"node1\s+lives\s+crun\s+running")


if __name__ == "__main__":
    build = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
