#!/usr/bin/python3
"""What guests of Proxmox have that no other container has: snapshots, backups and pending changes.

guest_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import contextlib
import json
import sqlite3
import unittest

import guest_node
from whole_node import Client


class GuestLife(guest_node.GuestNode):
    kinds = ["updated", "snapshot_taken", "rolled_back", "snapshot_deleted", "backed_up", "adopted"]

    def test_a_rollback_brings_back_what_was_there(self):
        drover = self.node.drover
        self.run_guest("web", "-m", "64M", "--volume", "data:/data:64M")
        drover("exec", "web", "mkdir", "-p", "/root")
        self.write("web", "first")
        self.assertEqual(drover("snapshot", "create", "web", "one").stdout, "web\n")
        drover("update", "web", "-m", "128M")
        self.write("web", "second")
        drover("snapshot", "create", "web", "two")
        self.assertEqual(self.read("web"), ["second", "second"])
        self.assertEqual(drover("snapshot", "ls", "web", "--quiet").stdout, "one\ntwo\n")
        table = drover("snapshot", "ls", "web").stdout.splitlines()
        self.assertRegex(table[0], r"^SNAPSHOT +TAKEN +AFTER +NOW")
        self.assertRegex(table[2], r"^two +\S.* one +comes from it$")

        drover("snapshot", "rollback", "web", "one")
        seen = self.node.inspect("web")
        self.assertEqual(seen["status"], "running")
        self.assertEqual(seen["spec"]["resources"]["memory_mib"], 64)
        self.assertEqual(self.read("web"), ["first", "first"])
        self.assertEqual([(one["name"], one.get("newest", False)) for one in seen["snapshots"]],
                         [("one", True), ("two", False)])

        drover("stop", "web")
        drover("snapshot", "rollback", "web", "two")
        self.assertEqual(self.node.inspect("web")["status"], "stopped")
        drover("start", "web")
        self.assertEqual(self.read("web"), ["second", "second"])

        drover("snapshot", "rm", "web", "one")
        self.assertEqual(list(self.config("web")["snapshots"]), ["two"])
        self.assertEqual(self.read("web"), ["second", "second"])
        drover("rm", "--force", "web")
        self.assertEqual([str(path) for path in (self.node.simulator.folder / "fast").rglob("*@*")], [])

    def test_what_cannot_be_done_says_why_and_changes_nothing(self):
        drover = self.node.drover
        self.run_guest("shy", "--volume", "data:/data:64M")
        drover("snapshot", "create", "shy", "one")
        self.assertIn("already used", drover("snapshot", "create", "shy", "one", check=False).stderr)
        self.assertIn("no snapshot two; it has one", drover("snapshot", "rollback", "shy", "two", check=False).stderr)
        drover("pause", "shy")
        self.assertIn("paused", drover("snapshot", "create", "shy", "two", check=False).stderr)
        self.assertEqual(self.node.inspect("shy")["status"], "paused")
        drover("resume", "shy")
        self.assertEqual(list(self.config("shy")["snapshots"]), ["one"])
        drover("rm", "--force", "shy")

    def test_what_holds_after_the_next_start_only_is_told(self):
        drover = self.node.drover
        self.run_guest("late")
        self.assertNotIn("next start", drover("update", "late", "-m", "128M").stderr)
        vmid = self.node.inspect("late")["vmid"]
        self.assertIsNone(self.node.simulator.call("PUT", f"/nodes/node1/lxc/{vmid}/config", features="nesting=1"))
        told = drover("update", "late", "-m", "96M").stderr
        self.assertIn("late: after its next start it has other features", told)
        self.assertEqual(self.node.inspect("late")["pending"], ["features"])
        drover("restart", "late")
        self.assertNotIn("pending", self.node.inspect("late"))
        self.assertNotIn("next start", drover("update", "late", "-m", "64M").stderr)
        self.assertEqual(self.config("late")["features"], "nesting=1")
        drover("rm", "--force", "late")

    def backups(self):
        """Their archives and notes, and what is left of those that failed."""
        folder = self.node.simulator.folder / "local/dump"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def forget(self, backup):
        name = backup.split("/")[1]
        self.assertEqual(self.backups(), [name, f"{name}.notes"])
        for file in self.backups():
            (self.node.simulator.folder / "local/dump" / file).unlink()

    def test_a_backup_is_restored_as_a_container_of_its_own(self):
        drover = self.node.drover
        self.run_guest("origin", "-m", "64M", "--volume", "data:/data:64M", network="eth0=vmbr0,address=10.83.0.210/24")
        drover("exec", "origin", "mkdir", "-p", "/root")
        self.write("origin", "kept")
        backup = drover("backup", "origin", "--storage", "local").stdout.strip()
        self.assertRegex(backup, r"^local:backup/vzdump-lxc-\d+-[\d_]+-[\d_]+\.tar\.zst$")
        self.write("origin", "later")
        drover("run", "--runtime", "pve-lxc", "--name", "copy", "--image", backup, "--network", "none")
        seen, config = self.node.inspect("copy"), self.config("copy")
        self.assertEqual(seen["status"], "running")
        self.assertEqual(seen["spec"]["resources"]["memory_mib"], 64)
        self.assertEqual(self.read("copy"), ["kept", "kept"])
        self.assertEqual(self.read("origin"), ["later", "later"])
        self.assertEqual([key for key in config if key.startswith("net")], [])
        self.assertIn("size=64M", config["mp0"])
        self.assertEqual(sorted(tag.split("-")[0] for tag in config["tags"].split(";")), ["drover", "job", "started"])
        self.assertNotEqual(config["tags"], self.config("origin")["tags"])
        self.assertFalse(drover("exec", "copy", "sh", "-c", "ls /etc/vzdump", check=False).returncode == 0)
        drover("rm", "--force", "origin")
        self.assertEqual(self.read("copy"), ["kept", "kept"])
        drover("rm", "--force", "copy")
        self.forget(backup)

    def test_a_restart_of_the_agent_breaks_off_no_backup(self):
        """Once `systemctl restart droverd` aborted those that ran, and began them anew."""
        drover = self.node.drover
        self.run_guest("long", "--volume", "data:/data:64M")
        drover("exec", "long", "dd", "if=/dev/urandom", "of=/data/much", "bs=1M", "count=48")
        backup = self.outlive("vzdump", "backup", "long", "--storage", "local")
        drover("rm", "--force", "long")
        self.forget(backup.strip())

    def test_a_guest_that_no_job_here_has_made_is_adopted(self):
        """As one that was migrated here: its tags name the container and another node's job."""
        drover = self.node.drover
        self.run_guest("moved", "-m", "64M", "--volume", "data:/data:64M", network="eth0=vmbr0,address=10.83.0.211/24")
        self.assertIn("has a container of that name", drover("adopt", "moved", check=False).stderr)
        seen = self.node.inspect("moved")
        self.node.end()
        with contextlib.closing(sqlite3.connect(self.node.work / "state/journal.db")) as journal, journal:
            journal.execute("DELETE FROM containers WHERE name = 'moved'")
        self.node.start()
        self.assertNotIn("moved", self.node.names())
        self.assertIn("bears Drover's tags", drover("adopt", "absent", check=False).stderr)
        spec = self.node.work / "moved.json"
        spec.write_text(json.dumps({**seen["spec"], "labels": {"role": "web"}}))
        self.assertEqual(drover("adopt", "moved", "--file", str(spec)).stdout, "moved\n")
        again = self.node.inspect("moved")
        self.assertEqual((again["status"], again["vmid"], again["networks"], again["spec"]["labels"]),
                         ("running", seen["vmid"], seen["networks"], {"role": "web"}))
        drover("restart", "moved")
        drover("rm", "--force", "moved")
        self.assertNotIn("moved", drover("leaks").stdout)

    def test_a_backup_may_stop_the_container_meanwhile(self):
        drover = self.node.drover
        self.run_guest("brief", "--restart", "never")
        backup = drover("backup", "brief", "--storage", "local", "--mode", "stop", "--compress", "none").stdout.strip()
        self.assertRegex(backup, r"\.tar$")
        self.assertEqual(self.node.inspect("brief")["status"], "running")
        client = Client(self.node)
        told = [event["type"].removeprefix("drover.container.") for event in client.all_events()
                if event["subject"] == "brief" and event["type"].startswith("drover.container.")]
        client.close()
        self.assertEqual(told[-4:], ["stopping", "stopped", "running", "backed_up"])
        drover("rm", "--force", "brief")
        self.forget(backup)

    def test_backups_that_fail_say_why_and_leave_nothing(self):
        drover = self.node.drover
        self.run_guest("plain")
        self.assertIn("'nowhere' does not exist", drover("backup", "plain", "--storage", "nowhere", check=False).stderr)
        missing = drover("run", "--runtime", "pve-lxc", "--name", "lost", "--network", "none", "--image",
                         "local:backup/vzdump-lxc-1-2026_01_01-00_00_00.tar.zst", check=False)
        self.assertIn("does not exist", missing.stderr)
        self.assertEqual(self.node.names(), ["plain"])
        self.node.simulator.fault("nospace 1 vzdump")
        self.assertNotEqual(drover("backup", "plain", "--storage", "local", check=False).returncode, 0)
        self.assertNotIn("lock", self.config("plain"))
        self.assertEqual(self.backups(), [])
        drover("rm", "--force", "plain")

    def test_runtimes_and_storages_that_keep_none_refuse(self):
        drover = self.node.drover
        drover("run", "--runtime", "runc", "--name", "other", "--network", "none", "--", "sleep", "60")
        refused = drover("backup", "other", "--storage", "local", check=False)
        self.assertIn("runtime runc makes no backups", refused.stderr)
        self.assertIn("disks of runtime runc do not grow", drover("update", "other", "--disk", "9G", check=False).stderr)
        copied = drover("run", "--runtime", "pve-lxc", "--name", "copy", "--image", "container:other", check=False)
        self.assertIn("only guests of Proxmox (pve-lxc) are copied", copied.stderr)
        drover("rm", "--force", "other")
        self.assertIn("--disk: the root has no disk of its own",
                      drover("run", "--runtime", "runc", "--name", "other", "--disk", "9G", check=False).stderr)
        spec = {"runtime": "pve-lxc", "image": "local:vztmpl/busybox.tar.gz", "networks": [],
                "volumes": [{"name": "data", "target": "/data", "size_mib": 64, "storage": "local"}]}
        client = Client(self.node)
        client.run({"id": "mixed", "verb": "container.run", "target": "mixed", "spec": spec})
        client.close()
        refused = drover("snapshot", "create", "mixed", "one", check=False)
        self.assertIn("snapshot feature is not available", refused.stderr)
        self.assertEqual(self.node.inspect("mixed")["status"], "running")
        self.assertNotIn("lock", self.config("mixed"))
        drover("rm", "--force", "mixed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
