#!/usr/bin/python3
"""Containers that a whole node keeps running: restart policies.

keep_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import os
import pathlib
import signal
import sys
import unittest

import jsonschema

from whole_node import SERVE, TOP, EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
# Counts its starts in its own root.
COUNT = "echo start >> /starts; "


class KeepLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.stream = EventStream(cls.node)

    def run_kept(self, name, *words, script):
        self.node.drover("run", "--runtime", "runc", "--name", name, *words, "--", "sh", "-c", COUNT + script)
        self.addCleanup(self.node.drover, "rm", "--force", name, check=False)

    def starts(self, name):
        return self.node.drover("exec", name, "--", "cat", "/starts").stdout.count("start")

    def crash(self, name):
        os.kill(self.node.await_status(name, "running")["pid"], signal.SIGKILL)

    def test_a_container_that_crashes_is_started_again(self):
        self.run_kept("crashes", "--restart", "on-failure", script=SERVE % 0)
        first = self.node.await_status("crashes", "running")["pid"]
        self.crash("crashes")
        self.node.await_status("crashes", "backoff")
        again = self.node.await_status("crashes", "running")
        self.assertNotEqual(again["pid"], first)
        self.assertEqual(again["restarts"], {"count": 1, "in_row": 1})
        self.assertEqual(self.starts("crashes"), 2)
        self.node.drover("stop", "crashes")
        stopped = self.node.inspect("crashes")
        self.assertEqual((stopped["status"], stopped["exit"]["code"]), ("stopped", 0))

    def test_one_in_back_off_is_started_once_by_the_next_agent(self):
        self.run_kept("outlives", "--restart", "always", script=SERVE % 0)
        self.crash("outlives")
        waiting = self.node.await_status("outlives", "backoff")
        self.assertEqual(waiting["exit"]["code"], 137)
        self.assertIn("again at", self.node.drover("ps").stdout)
        self.node.end(signal.SIGKILL)
        self.node.start()
        self.node.await_status("outlives", "running")
        self.assertEqual(self.starts("outlives"), 2)

    def test_its_attempts_are_used_up(self):
        done = self.node.drover("run", "--runtime", "runc", "--name", "loops", "--restart", "always:1", "--wait",
                                "--", "sh", "-c", COUNT + "wc -l < /starts; exit 5", check=False)
        self.addCleanup(self.node.drover, "rm", "--force", "loops", check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(done.stdout.split(), ["1", "2"])
        self.assertTrue(self.node.inspect("loops")["restarts"]["gave_up"])

    def test_z_its_events_are_as_the_schema_says(self):
        """The last of all: the stream followed the node through the other tests."""
        code, complaints, events = self.stream.end()
        self.assertEqual((code, complaints), (130, ""))
        check = jsonschema.Draft7Validator(json.loads((TOP / "docs/schema/event.schema.json").read_text()))
        for event in events:
            self.assertEqual([error.message for error in check.iter_errors(event)], [], event)
        kinds = {event["type"] for event in events}
        self.assertLessEqual({"drover.container.backoff", "drover.container.gave_up"}, kinds)
        own = [event for event in events if event["data"].get("by") == "restart policy"]
        self.assertEqual({event["data"]["verb"] for event in own}, {"container.start"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
