#!/usr/bin/python3
"""Fifty guests asked for at once on one storage whose lock is waited for ten seconds and no longer.

many_guests.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import pathlib
import sys
import time
import unittest

from whole_node import Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
GUESTS = 50
# All of them together hold the lock for longer than one that waits has patience.
ALLOCATION_MS = 300


class ManyGuests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True, simulator_options=("--allocation-ms", str(ALLOCATION_MS)))
        cls.addClassCleanup(cls.node.tear_down)
        # More workers than have a turn at the storage: nobody may wait for its lock in Proxmox instead.
        cls.node.config["runtime"]["workers"] = 32
        cls.node.write_config()
        cls.node.start()

    def jobs(self, verb):
        return [job for job in json.loads(self.node.drover("jobs", "--json", "-n", "500").stdout) if job["verb"] == verb]

    def await_all(self, verb):
        until = time.monotonic() + 300
        while sum(job["state"] in ("succeeded", "failed") for job in self.jobs(verb)) < GUESTS:
            self.assertLess(time.monotonic(), until, "they have not ended")
            time.sleep(0.5)
        return self.jobs(verb)

    def test_all_are_made_at_their_first_attempt(self):
        begun = [self.node.begin("create", "--runtime", "pve-lxc", "--name", f"many-{number}", "--image",
                                 "local:vztmpl/busybox.tar.gz", "--quiet") for number in range(GUESTS)]
        for command in begun:
            out, complaints = command.communicate(timeout=300)
            self.assertEqual(command.returncode, 0, complaints)
        made = self.await_all("container.create")
        self.assertEqual({(job["state"], job["attempt"]) for job in made}, {("succeeded", 1)})
        guests = [json.loads(guest.read_text()) for guest in (self.node.simulator.folder / "guests").iterdir()]
        self.assertEqual(len(guests), GUESTS)
        for command in [self.node.begin("rm", f"many-{number}", "--quiet") for number in range(GUESTS)]:
            out, complaints = command.communicate(timeout=300)
            self.assertEqual(command.returncode, 0, complaints)
        gone = self.await_all("container.delete")
        self.assertEqual({(job["state"], job["attempt"]) for job in gone}, {("succeeded", 1)})


if __name__ == "__main__":
    unittest.main(verbosity=2)
