#!/usr/bin/python3
"""What a node tells of tasks of Proxmox that take long.

progress_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import os
import pathlib
import signal
import sys
import unittest

from whole_node import EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
LINE = "INFO:  42% (20.0 MiB of 48.0 MiB) in 3s"


class ProgressLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()

    def job(self, id):
        return json.loads(self.node.drover("jobs", id, "--json").stdout)

    def test_how_far_a_backup_is_is_told_while_it_is_made(self):
        drover = self.node.drover
        stream = EventStream(self.node)
        drover("run", "--runtime", "pve-lxc", "--name", "slow", "--image", "local:vztmpl/busybox.tar.gz",
               "--network", "none", "--volume", "data:/data:64M")
        drover("exec", "slow", "dd", "if=/dev/urandom", "of=/data/much", "bs=1M", "count=48")
        begun = self.node.begin("backup", "slow", "--storage", "local")
        task = self.node.simulator.await_task("vzdump")
        os.kill(task, signal.SIGSTOP)
        (log,) = (self.node.simulator.folder / "tasks").glob(f"UPID:node1:{task:08X}:*.log")
        with open(log, "a") as lines:
            lines.write(f"INFO: backup mode: suspend\n{LINE}\n")
        self.node.await_event("drover.job.progress", "slow")
        id = next(row["id"] for row in json.loads(drover("jobs", "--json").stdout) if row["verb"] == "container.backup")
        self.assertEqual(self.job(id)["progress"], {"task": "vzdump", "line": LINE, "percent": 42, "mode": "suspend"})
        self.assertRegex(drover("jobs", id).stdout, r"percent: +42")
        os.kill(task, signal.SIGCONT)
        _, progress = begun.communicate(timeout=60)
        self.assertEqual(begun.returncode, 0, progress)
        self.assertIn(f"backup.make local … 42 %: {LINE}\n", progress)
        self.assertNotIn("progress", self.job(id))
        told = [event["data"]["line"] for event in stream.end_at_head(self) if event["type"] == "drover.job.progress"]
        self.assertEqual(told, [LINE])


if __name__ == "__main__":
    unittest.main(verbosity=2)
