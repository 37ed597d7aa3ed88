#!/usr/bin/python3
"""What guests of Proxmox print: it is kept, bounded, followed, and outlives the agent and the guest.

guest_output_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import contextlib
import json
import signal
import sqlite3
import subprocess
import time
import unittest

import guest_node

TEMPLATE = "local:vztmpl/app_1.0.tar"


class GuestOutput(guest_node.GuestNode):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node.config["reconcile"] = {"every_s": 1}
        cls.node.config["log"] = {"guest_mib": 2, "keep_deleted_s": 3600}
        cls.node.end()
        cls.node.write_config()
        cls.node.start()
        layout = cls.node.work / "image"
        archive = cls.node.work / "app.tar"
        subprocess.run(["tar", "-cf", archive, "-C", layout, "oci-layout", "index.json", "blobs"], check=True)
        cls.node.drover("image", "pull", TEMPLATE, "--from", str(archive))

    def run_program(self, name, script, *words):
        self.node.drover("run", "--runtime", "pve-lxc", "--name", name, "--image", TEMPLATE, "--network", "none", *words,
                         "--", "sh", "-c", script)

    def logs(self, name, *words):
        return self.node.drover("logs", *words, name).stdout

    def await_logs(self, name, text):
        until = time.monotonic() + 30
        while text not in (said := self.logs(name)):
            if time.monotonic() > until:
                raise AssertionError(f"{name} has not said {text!r} but {said[-300:]!r}")
            time.sleep(0.05)
        return said

    def drop_in(self, vmid):
        return self.node.simulator.folder / f"units/pve-container@{vmid}.service.d/drover.conf"

    def test_what_a_guest_prints_and_ends_with_is_read(self):
        self.run_program("brief", "echo to out; echo to err >&2; printf 'no newline'", "--restart", "never")
        self.node.await_status("brief", "stopped")
        self.assertEqual(self.logs("brief"), "to out\nto err\nno newline\n")
        self.assertEqual(self.logs("brief", "--times"), "to out\nto err\nno newline\n")
        self.assertEqual(self.logs("brief", "--follow"), "to out\nto err\nno newline\n")
        self.node.drover("start", "brief")
        self.node.await_status("brief", "stopped")
        self.assertEqual(self.logs("brief"), "to out\nto err\nno newlineto out\nto err\nno newline\n")
        vmid = self.node.inspect("brief")["vmid"]
        self.assertIn(f"-n {vmid} -L {self.node.work}/state/containers/brief/log", self.drop_in(vmid).read_text())
        self.node.drover("rm", "brief")
        self.assertFalse(self.drop_in(vmid).parent.exists())
        self.assertFalse((self.node.work / "state/containers/brief").exists())
        self.assertEqual(self.logs("brief"), "to out\nto err\nno newlineto out\nto err\nno newline\n")

    def test_a_log_is_followed_while_the_agent_is_killed_and_starts_again(self):
        self.run_program("long", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done")
        follower = self.node.begin("logs", "-f", "long")
        try:
            printed = follower.stdout.readline()
            self.node.end(signal.SIGKILL)
            down = self.last_line("long") + 10
            while self.last_line("long") < down:
                time.sleep(0.05)
            self.node.start()
            self.node.drover("stop", "--grace", "0", "long")
            printed += follower.stdout.read()
            complaints = follower.stderr.read()
            follower.wait(60)
        finally:
            follower.kill()
            follower.wait()
        self.assertEqual((follower.returncode, complaints), (0, ""))
        numbers = [int(line.split()[1]) for line in printed.splitlines()]
        self.assertEqual(numbers, [*range(1, len(numbers) + 1)])
        self.assertGreaterEqual(numbers[-1], down)
        self.assertEqual(self.logs("long").splitlines(), [f"line {number}" for number in range(1, numbers[-1] + 1)])
        self.node.drover("rm", "long")

    def last_line(self, name):
        """As the node's files have it, whoever reads them."""
        lines = (self.node.work / "state/containers" / name / "log").read_bytes().split(b"\r\n")
        return int(lines[-2].split()[1])

    def test_a_log_has_its_bound_and_the_newest_is_kept(self):
        folder = self.node.work / "state/containers/much"
        self.run_program("much", "yes 0123456789012345678901234567890123456789 | head -c 4000000; echo the end; sleep 600")
        follower = self.node.begin("logs", "-f", "much")
        try:
            self.await_logs("much", "the end\n")
            kept = self.logs("much")
            sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
            self.assertEqual(sizes.keys(), {"log", "log.1"})
            self.assertEqual(sizes["log.1"], 1 << 20)
            self.assertLessEqual(sizes["log"], 1 << 20)
            # Where LXC has split a chunk a line may end without its "\r" (decision 0035).
            whole = b"".join((folder / name).read_bytes() for name in ("log.1", "log"))
            self.assertEqual(len(whole), sum(sizes.values()))
            self.assertTrue(kept.encode() == whole.replace(b"\r\n", b"\n"), f"{len(kept)} of {len(whole)} bytes")
            self.node.drover("rm", "--force", "much")
            followed, complaints = follower.communicate(timeout=60)
        finally:
            follower.kill()
            follower.wait()
        self.assertEqual((follower.returncode, complaints), (0, ""))
        self.assertTrue(followed.endswith(kept[-100000:]))
        self.assertEqual(self.logs("much"), kept)

    def test_a_guest_starts_without_its_drop_in_and_without_its_folder(self):
        self.run_program("bare", "echo hello; sleep 600")
        self.await_logs("bare", "hello\n")
        vmid = self.node.inspect("bare")["vmid"]
        folder = self.node.work / "state/containers/bare"
        for gone in (self.drop_in(vmid), folder / "log"):
            self.proxmox("stop", vmid)
            gone.unlink()
            if gone.parent == folder:
                folder.rmdir()
            self.proxmox("start", vmid)
            self.assertEqual(self.node.simulator.call("GET", f"/nodes/node1/lxc/{vmid}/status/current")["status"], "running")
            self.node.await_status("bare", "running")
            self.node.drover("stop", "--grace", "0", "bare")
            self.node.drover("start", "bare")
            self.assertTrue(self.drop_in(vmid).exists())
        self.await_logs("bare", "hello\n")
        self.node.drover("rm", "--force", "bare")

    def test_another_guest_of_the_same_number_is_not_touched(self):
        self.run_program("ours", "echo ours; sleep 600")
        self.await_logs("ours", "ours\n")
        vmid = self.node.inspect("ours")["vmid"]
        self.proxmox("stop", vmid)
        self.await_task(self.node.simulator.call("DELETE", f"/nodes/node1/lxc/{vmid}"))
        self.await_task(self.node.simulator.call(
            "POST", "/nodes/node1/lxc", vmid=vmid, ostemplate=TEMPLATE, hostname="theirs", rootfs="local:1",
            entrypoint="/bin/sh -c 'echo theirs; sleep 600'"))
        self.proxmox("start", vmid)
        self.assertEqual(self.logs("ours"), "ours\n")
        self.node.drover("rm", "--force", "ours")
        self.assertFalse(self.drop_in(vmid).exists())
        self.assertEqual(self.node.simulator.call("GET", f"/nodes/node1/lxc/{vmid}/status/current")["status"], "running")
        self.proxmox("stop", vmid)
        self.await_task(self.node.simulator.call("DELETE", f"/nodes/node1/lxc/{vmid}"))

    def test_what_nobody_knows_is_found_and_taken_away(self):
        stray = self.drop_in(4321)
        stray.parent.mkdir()
        stray.write_text("# Drover: container ghost of job nobody\n[Service]\n")
        others = stray.with_name("admin.conf")
        others.write_text("[Service]\n")
        self.node.await_event("drover.resource.leaked", f"unit:{stray}")
        self.node.drover("leaks", "--collect", str(stray))
        self.node.await_event("drover.resource.collected", f"unit:{stray}")
        self.assertFalse(stray.exists())
        self.assertTrue(others.exists())
        others.unlink()
        stray.parent.rmdir()

    def test_an_adopted_guest_is_kept_from_its_next_start_on(self):
        self.run_program("moved", "echo hello; sleep 600")
        vmid = self.node.inspect("moved")["vmid"]
        self.node.end()
        with contextlib.closing(sqlite3.connect(self.node.work / "state/journal.db")) as journal, journal:
            journal.execute("DELETE FROM containers WHERE name = 'moved'")
        subprocess.run(["rm", self.node.work / "state/containers/moved/log"], check=True)
        self.node.start()
        self.node.await_event("drover.resource.leaked", f"unit:{self.drop_in(vmid)}")
        self.drop_in(vmid).unlink()
        self.node.drover("adopt", "moved")
        self.assertTrue(self.drop_in(vmid).exists())
        self.assertEqual(self.logs("moved"), "")
        self.node.drover("restart", "--grace", "0", "moved")
        self.await_logs("moved", "hello\n")
        self.node.drover("rm", "--force", "moved")
        self.assertNotIn("moved", self.node.drover("leaks").stdout)

    def proxmox(self, verb, vmid):
        self.await_task(self.node.simulator.call("POST", f"/nodes/node1/lxc/{vmid}/status/{verb}"))

    def await_task(self, task):
        until = time.monotonic() + 30
        while (seen := self.node.simulator.call("GET", f"/nodes/node1/tasks/{task}/status"))["status"] == "running":
            self.assertLess(time.monotonic(), until, "the task does not end")
            time.sleep(0.02)
        self.assertEqual(seen["exitstatus"], "OK", json.dumps(seen))


if __name__ == "__main__":
    unittest.main(verbosity=2)
