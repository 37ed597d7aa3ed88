"""GuestNode: a node with a storage that keeps snapshots, and guests of Proxmox on it, for tests that share them."""

import json
import os
import pathlib
import signal
import sys
import unittest

from whole_node import EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()


class GuestNode(unittest.TestCase):
    kinds = ()  # of events that its tests must have caused

    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True, simulator_options=["--storage", "fast:btrfs"])
        cls.node.config["storage"] = {"default": "fast", "guest_storage": "fast"}
        cls.node.write_config()
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.stream = EventStream(cls.node)

    def test_z_every_event_was_told_as_the_schema_says(self):
        """The last of all: the stream followed the node through the other tests."""
        events = self.stream.end_at_head(self)
        told = {event["type"].removeprefix("drover.container.") for event in events}
        for kind in self.kinds:
            self.assertIn(kind, told)

    def run_guest(self, name, *words, network="none"):
        self.node.drover("run", "--runtime", "pve-lxc", "--name", name, "--image", "local:vztmpl/busybox.tar.gz",
                         "--network", network, *words)

    def write(self, name, text):
        self.node.drover("exec", name, "sh", "-c", f"echo {text} >/root/note; echo {text} >/data/note; sync")

    def read(self, name):
        return self.node.drover("exec", name, "sh", "-c", "cat /root/note /data/note").stdout.split()

    def config(self, name):
        vmid = self.node.inspect(name)["vmid"]
        return json.loads((self.node.simulator.folder / "guests" / f"{vmid}.json").read_text())

    def tasks(self, kind):
        names = [task.name.split(":") for task in (self.node.simulator.folder / "tasks").iterdir()]
        return {words[2] for words in names if words[0] == "UPID" and words[5] == kind}

    def outlive(self, kind, *words):
        """What `drover` prints for a job whose task of that kind goes on over a restart of the agent."""
        before = len(self.tasks(kind))
        begun = self.node.begin(*words)
        task = self.node.simulator.await_task(kind)
        os.kill(task, signal.SIGSTOP)
        self.node.end()
        os.kill(task, signal.SIGCONT)
        self.node.start()
        printed, complaints = begun.communicate(timeout=60)
        self.assertEqual(begun.returncode, 0, complaints)
        self.assertEqual(len(self.tasks(kind)), before + 1)
        return printed
