#!/usr/bin/python3
"""What is left behind on a whole node, and what a reboot ends: real droverd, runc, storages of pve-sim.

node_reconcile.py BUILD_DIRECTORY, in a mount and a network namespace of its own (node_reconcile_test).
"""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time
import unittest

from whole_node import SERVE, Node, sh, expect_events_of_schema

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
GRACE = 2


class NodeReconcile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.config["reconcile"] = {"every_s": 1, "grace_s": GRACE}
        cls.node.write_config()
        cls.node.start()
        cls.state = cls.node.work / "state"
        cls.await_true(lambda: cls.fact("reconciled volumes of Proxmox local") == "1", "the first look")

    @classmethod
    def fact(cls, name):
        with sqlite3.connect(f"file:{cls.state}/journal.db?mode=ro", uri=True) as journal:
            row = journal.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
        return row[0] if row else ""

    @staticmethod
    def await_true(condition, what, timeout=30):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"in vain waited for {what}")
            time.sleep(0.1)

    def events(self, kind):
        lines = self.node.drover("events", "--after", "0", "--json").stdout.splitlines()
        return [event for event in map(json.loads, lines) if event["type"].startswith(f"drover.{kind}.")]

    def told(self, kind, name):
        return [event["type"].split(".")[-1] for event in self.events("resource")
                if event["data"]["kind"] == kind and event["data"]["name"] == name]

    def test_what_nobody_knows_is_told_and_taken_away_and_nothing_else(self):
        self.node.drover("run", "--runtime", "runc", "--name", "stays", "--network", "eth0=vmbr0", "--volume",
                         "data:/data:8M", "--", "sh", "-c", SERVE % 0)
        kept = self.node.inspect("stays")
        leaked = {
            "netns": "drover-ghost",
            "interface": "dvghost",
            "mount": str(self.state / "containers/ghost/rootfs"),
            "folder": str(self.state / "containers/ghost"),
            "address": str(self.state / "cni/drover-vmbr0/10.83.0.77"),
        }
        sh("ip", "netns", "add", "drover-ghost")
        sh("ip", "netns", "add", "vpn")
        sh("ip", "link", "add", "dvghost", "type", "veth", "peer", "name", "dvghostp")
        sh("ip", "link", "set", "dev", "dvghost", "alias", "drover:ghost:job-0")
        sh("ip", "link", "add", "veth9", "type", "veth", "peer", "name", "veth9p")
        os.makedirs(leaked["mount"])
        sh("mount", "-t", "tmpfs", "tmpfs", leaked["mount"])
        pathlib.Path(leaked["address"]).write_text("ghost\r\neth0")
        folder = self.state / "volumes/ghost.data.job-0"
        folder.mkdir()
        images = self.node.simulator.folder / "local/images"
        ours = images / "999000000/vm-999000000-ghost-data-0123456789abcdef.raw"
        theirs = images / "100/vm-100-disk-0.raw"
        for image in [ours, theirs]:
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(b"\0" * 4096)
        volumes = [str(folder), f"local:999000000/{ours.name}"]
        things = list(leaked.items()) + [("volume", name) for name in volumes]

        def is_listed():
            listed = json.loads(self.node.drover("leaks", "--json").stdout)
            return {(leak["kind"], leak["name"]) for leak in listed} == set(things)
        self.await_true(is_listed, "all to be listed")
        self.assertIn("netns", self.node.drover("leaks").stdout)
        for kind, name in things:
            self.await_true(lambda: self.told(kind, name)[-1] == "collected", f"{kind} {name} to be collected")
            self.assertEqual(self.told(kind, name)[0], "leaked")
        self.assertEqual(sorted(os.listdir("/run/netns")), ["drover-stays", "vpn"])
        links = subprocess.run(["ip", "-o", "link"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertNotIn("dvghost", links)
        self.assertIn("veth9", links)
        self.assertIn(kept["networks"][0]["host_interface"], links)
        self.assertFalse((self.state / "containers/ghost").exists() or folder.exists() or ours.exists())
        self.assertFalse(pathlib.Path(leaked["address"]).exists())
        self.assertTrue(theirs.exists())
        self.assertEqual(json.loads(self.node.drover("leaks", "--json").stdout), [])
        seen = self.node.inspect("stays")
        self.assertEqual((seen["status"], seen["pid"]), ("running", kept["pid"]))
        self.node.drover("exec", "stays", "--", "touch", "/data/file")
        self.node.drover("rm", "--force", "stays")
        self.assertEqual(self.told("container", "stays"), [])
        expect_events_of_schema(self, self.events("resource"))

    def test_a_container_of_runc_that_the_journal_has_lost_is_ended_and_removed(self):
        self.node.drover("run", "--runtime", "runc", "--name", "lost", "--", "sh", "-c", SERVE % 0)
        pid = self.node.inspect("lost")["pid"]
        self.node.end()
        with sqlite3.connect(self.state / "journal.db") as journal:
            journal.execute("DELETE FROM containers WHERE name = 'lost'")
        journal.close()
        self.node.start()
        self.await_true(lambda: not os.path.exists(f"/proc/{pid}"), "its program to be ended")
        self.await_true(lambda: not (self.state / "containers/lost").exists(), "its folder to go")
        self.assertEqual(self.told("container", "lost"), ["leaked", "collected"])
        self.assertNotIn("drover-lost", os.listdir("/run/netns"))

    def test_a_reboot_is_told_by_the_boot_id(self):
        self.node.drover("run", "--runtime", "runc", "--name", "ran", "--", "sh", "-c", SERVE % 0)
        self.node.drover("run", "--runtime", "runc", "--name", "always", "--", "sh", "-c", SERVE % 0)
        pids = [self.node.inspect(name)["pid"] for name in ["ran", "always"]]
        self.node.end()
        with sqlite3.connect(self.state / "journal.db") as journal:
            journal.execute("UPDATE meta SET value = '00000000-0000-0000-0000-000000000000' WHERE key = 'boot_id'")
            text, = journal.execute("SELECT container FROM containers WHERE name = 'always'").fetchone()
            record = json.loads(text)
            record["spec"]["restart"] = {"policy": "always"}
            journal.execute("UPDATE containers SET container = ? WHERE name = 'always'", (json.dumps(record),))
        journal.close()
        self.end_as_a_power_cut_does(dict(zip(["ran", "always"], pids)))
        self.node.start()
        ran = self.node.inspect("ran")
        self.assertEqual((ran["status"], ran["exit"]), ("stopped", {"code": None, "reason": "reboot"}))
        self.assertIn("stopped (unknown: reboot)", self.node.drover("ps").stdout)
        again = self.node.await_status("always", "running")
        self.assertNotIn(again["pid"], pids)
        self.assertIn("drover-always", os.listdir("/run/netns"))
        self.assertEqual(self.node.drover("exec", "always", "--", "echo", "hello").stdout, "hello\n")
        for name in ["ran", "always"]:
            self.node.drover("rm", "--force", name)

    def test_a_reboot_that_a_full_disk_kept_out_of_the_journal_is_told_by_the_next_start(self):
        self.node.drover("run", "--runtime", "runc", "--name", "cut", "--", "sh", "-c", SERVE % 0)
        pid = self.node.inspect("cut")["pid"]
        self.node.end()
        with sqlite3.connect(self.state / "journal.db") as journal:
            journal.execute("UPDATE meta SET value = '00000000-0000-0000-0000-000000000000' WHERE key = 'boot_id'")
        journal.close()
        self.end_as_a_power_cut_does({"cut": pid})
        small = self.node.work / "small"
        small.mkdir()
        sh("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small))
        sh("cp", "-a", f"{self.state}/.", str(small))
        sh("mount", "--move", str(small), str(self.state))
        # Enough to open the journal with, and not to write into it.
        filler = self.state / "filler"
        log = self.node.work / "droverd.log"
        for left in range(24, 200, 4):
            with open(filler, "wb", buffering=0) as file:
                free = os.statvfs(self.state).f_bavail * os.statvfs(self.state).f_bsize
                os.posix_fallocate(file.fileno(), 0, free - (left << 10))
            seen = len(log.read_text())
            with self.assertRaisesRegex(AssertionError, "droverd did not start"):
                self.node.start()
            filler.unlink()
            if "write down what a reboot has ended" in log.read_text()[seen:]:
                break
        else:
            self.fail("no start came as far as the reboot")
        self.node.start()
        cut = self.node.inspect("cut")
        self.assertEqual((cut["status"], cut["exit"]), ("stopped", {"code": None, "reason": "reboot"}))
        told = [event["type"].split(".")[-1] for event in self.events("container") if event["subject"] == "cut"]
        self.assertEqual(told.count("stopped"), 1)
        self.node.drover("rm", "--force", "cut")
        self.node.end()
        sh("mount", "--move", str(self.state), str(small))
        sh("cp", "-a", f"{small}/journal.db", str(self.state / "journal.db"))
        sh("umount", str(small))
        self.node.start()

    def end_as_a_power_cut_does(self, pids):
        """Of containers by name. Monitors first, so that nobody writes how they end; then all that a boot begins
        without."""
        run = self.node.work / "run"
        for name in pids:
            os.kill(int((run / f"pids/{name}.monitor").read_text()), 9)
        for name, pid in pids.items():
            os.kill(pid, 9)
            self.await_true(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), f"process {pid} to end")
            sh("ip", "netns", "delete", f"drover-{name}")
            sh("umount", str(self.state / f"containers/{name}/rootfs"))
        for folder in ["runc", "pids"]:
            sh("rm", "-rf", str(run / folder))


if __name__ == "__main__":
    unittest.main(verbosity=2)
