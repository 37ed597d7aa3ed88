#!/usr/bin/python3
"""A whole node whose cluster loses its quorum and finds it again, and that goes into maintenance.

cluster_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import pathlib
import signal
import sys
import time
import unittest

from whole_node import SERVE, Client, Node, expect_events_of_schema

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
QUORUM = "the cluster's quorum"
GUEST = ("--runtime", "pve-lxc", "--image", "local:vztmpl/busybox.tar.gz")


class ClusterLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.put("cluster", "apps 1")
        cls.put("ha", "online")
        cls.node.start()

    def setUp(self):
        self.head = json.loads(self.node.drover("node", "--json").stdout)["seq"]

    def tearDown(self):
        for name in self.node.names():
            self.node.drover("rm", "--force", name)

    @classmethod
    def put(cls, name, text):
        """What the simulated cluster is like from now on."""
        whole = cls.node.simulator.folder / f"{name}.new"
        whole.write_text(text + "\n")
        whole.rename(cls.node.simulator.folder / name)

    def events(self):
        """Of this test."""
        lines = self.node.drover("events", "--after", str(self.head), "--json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def told_of_node(self):
        return [event["type"].removeprefix("drover.node.") for event in self.events()
                if event["type"].startswith("drover.node.")]

    def await_told(self, *what):
        until = time.monotonic() + 30
        while (told := self.told_of_node()) != list(what):
            self.assertLess(time.monotonic(), until, told)
            time.sleep(0.1)

    def begin_guest(self, name, *options):
        return self.node.begin("run", "--name", name, *options, *GUEST)

    def jobs(self):
        """The newest of each verb and target."""
        found = json.loads(self.node.drover("jobs", "--json", "-n", "500").stdout)
        return {(job["verb"], job["target"]): job for job in reversed(found)}

    def await_waiting(self, verb, target):
        """The state of the job once it waits for the quorum."""
        client = Client(self.node)
        self.addCleanup(client.close)
        until = time.monotonic() + 30
        while True:
            job = self.jobs().get((verb, target))
            seen = client.query("job", id=job["id"]) if job else {}
            if seen.get("waits_for", {}).get("thing") == QUORUM:
                return seen["state"]
            self.assertLess(time.monotonic(), until, seen)
            time.sleep(0.05)

    def ends_well(self, command):
        _, complaints = command.communicate(timeout=60)
        self.assertEqual(command.returncode, 0, complaints)

    def test_without_a_quorum_what_changes_proxmox_waits_and_all_else_goes_on(self):
        drover = self.node.drover
        self.ends_well(self.begin_guest("kept"))
        self.ends_well(self.begin_guest("ends"))
        self.put("cluster", "apps 0")
        self.await_told("quorum_lost")
        cluster = json.loads(drover("node", "--json").stdout)["cluster"]
        self.assertEqual((cluster["quorate"], cluster["ha_state"]), (False, "online"))
        self.assertIn("quorate: false", drover("node").stdout)

        waiting = [self.begin_guest("waits"), self.node.begin("restart", "kept", "--quiet"),
                   self.node.begin("volume", "create", "data", "--size", "16M", "--quiet"),
                   self.node.begin("run", "--runtime", "runc", "--name", "with-volume", "--volume", "data:/data:16M",
                                   "--quiet", "--", "sh", "-c", SERVE % 0)]
        held = [("container.run", "waits"), ("container.restart", "kept"), ("volume.create", "data"),
                ("container.run", "with-volume")]
        for verb, target in held:
            self.assertEqual(self.await_waiting(verb, target), "queued")
        given_up = self.begin_guest("given-up")
        late = self.begin_guest("late", "--deadline", "1")
        self.await_waiting("container.run", "given-up")
        for runtime in ["runc", "crun", "lxc"]:
            drover("run", "--runtime", runtime, "--name", f"on-{runtime}", "--", "sh", "-c", SERVE % 7)
            drover("stop", f"on-{runtime}")
            drover("rm", f"on-{runtime}")
        self.assertEqual(drover("exec", "ends", "--", "echo", "inside").stdout, "inside\n")
        drover("stop", "ends")
        drover("cancel", self.jobs()["container.run", "given-up"]["id"])
        _, complaints = given_up.communicate(timeout=30)
        self.assertEqual(given_up.returncode, 1)
        self.assertIn(f"waits for {QUORUM}\n", complaints)
        _, complaints = late.communicate(timeout=30)
        self.assertEqual(late.returncode, 124)
        self.assertIn(f"it waited for {QUORUM}", complaints)
        removal = self.node.begin("rm", "ends", "--quiet")
        self.await_waiting("container.delete", "ends")
        self.assertEqual(self.node.inspect("kept")["status"], "running")

        self.put("cluster", "apps 1")
        for command in [*waiting, removal]:
            self.ends_well(command)
        self.await_told("quorum_lost", "quorum_restored")
        jobs = self.jobs()
        self.assertEqual({jobs[job]["attempt"] for job in [*held, ("container.delete", "ends")]}, {1})
        self.assertEqual(sorted(self.node.names()), ["kept", "waits", "with-volume"])
        drover("volume", "rm", "data")
        self.events_are_as_the_schema_says()

    def test_who_meets_the_loss_first_uses_up_no_attempt_and_outlives_the_agent(self):
        self.put("cluster", "apps 0")
        first = self.begin_guest("first", "--attempts", "1")
        self.assertEqual(self.await_waiting("container.run", "first"), "running")
        self.node.end(signal.SIGKILL)
        self.node.start()
        self.assertEqual(self.await_waiting("container.run", "first"), "running")
        self.assertEqual(self.told_of_node(), ["quorum_lost"])
        self.put("cluster", "apps 1")
        self.ends_well(first)
        self.assertEqual(self.jobs()["container.run", "first"]["attempt"], 1)

    def test_in_maintenance_nothing_new_is_taken_until_it_ends(self):
        drover = self.node.drover
        for name in ["stays", "stopped"]:
            drover("run", "--runtime", "runc", "--name", name, "--", "sh", "-c", SERVE % 7)
        drover("stop", "stopped")
        self.put("ha", "online maintenance")
        self.await_told("maintenance_entered")
        refused = drover("run", "--runtime", "runc", "--name", "new", "--", "true", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("ha-manager crm-command node-maintenance disable node1", refused.stderr)
        self.assertEqual(drover("start", "stopped", check=False).returncode, 1)
        self.assertEqual(self.node.inspect("stays")["status"], "running")
        drover("drain")
        drover("undrain")
        self.assertEqual(drover("start", "stopped", check=False).returncode, 1)
        self.put("ha", "online")
        self.await_told("maintenance_entered", "drained", "undrained", "maintenance_left")
        drover("start", "stopped")
        self.events_are_as_the_schema_says()

    def test_who_may_not_ask_is_told_so_once_and_kept_from_nothing(self):
        self.node.end()
        self.node.simulator.fault("denied 1000 GET /cluster/ha")
        self.node.start()
        until = time.monotonic() + 30
        while not (why := json.loads(self.node.drover("node", "--json").stdout)["cluster"]["message"]):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        self.assertIn("grant Sys.Audit on /", why)
        self.ends_well(self.begin_guest("guest"))
        self.assertEqual(self.told_of_node(), [])
        log = (self.node.work / "droverd.log").read_text()
        self.assertEqual(log.count("grant Sys.Audit on / to have it watched"), 1)
        self.node.simulator.fault()

    def events_are_as_the_schema_says(self):
        expect_events_of_schema(self, self.events())


if __name__ == "__main__":
    unittest.main(verbosity=2)
