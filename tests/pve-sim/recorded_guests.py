"""The recordings of guests: how they are made, set, started and ended, and what waits for whom meanwhile."""

import os
import subprocess

from recorded_node import RecordedNode


def may_grow_what_is_mounted():
    """The kernel asks for CAP_SYS_RESOURCE, which a test's own container may lack."""
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    return bool(int(status["CapEff"], 16) >> 24 & 1)


class Guests(RecordedNode):
    def test_what_a_create_refuses(self):
        self.make_guest(100)
        self.replay("lxc-create-bad-types", "lxc-create-vmid-exists", "form-raw-equals-sign-truncated-value",
                    "lxc-create-no-rootfs", "ostemplate-not-a-volid", "lxc-config-nonexistent-500",
                    "root-only-keyctl-create")
        error = self.end_of(self.replay("lxc-create-missing-template"))
        self.assertIn("volume 'local:vztmpl/nope.tar.gz' does not exist", error)

    def test_settings(self):
        self.assertEqual(self.end_of(self.replay("lxc-create-json-body")), "OK")
        self.assertEqual(self.ask("GET", "/nodes/pve1/lxc/122/status/current")["status"], "running")
        self.replay("lxc-config-122", "config-unknown-key", "delete-unknown-key", "digest-conflict", "json-bool-true",
                    "form-utf8", "lxc-config-122b", "put-query-params", "pending-hotplug-rootfs", "raw-lxc-key",
                    "root-only-bind-mount-put", "root-only-dev-put")

    def test_what_a_login_by_password_may_set_and_a_token_may_not(self):
        self.make_guest(100)
        ticket = self.replay("auth-ticket-ok")
        self.here["PVE:root@pam:6B04C749::SIGNATURE"] = ticket["ticket"]
        self.here["6B04C749:SIGNATURE"] = ticket["CSRFPreventionToken"]
        self.replay("root-ticket-bind-mount-put", "root-ticket-features-put")

    def test_volumes_of_a_guest(self):
        self.make_guest(122, rootfs="local:0.1", hostname="j122", memory=48)
        self.ask("PUT", "/nodes/pve1/lxc/122/config", onboot=1)
        self.replay("features-nesting-put", "mp-volume-add", "mp-volume-config")
        data = self.folder / "local/images/122/vm-122-disk-1.raw"
        self.assertEqual(data.stat().st_size, 51 << 20)
        self.replay("mp-volume-delete", "mp-volume-config-unused")
        self.assertTrue(data.exists())
        self.replay("unused-delete")
        self.assertFalse(data.exists())

    def test_a_copy(self):
        """There is no recording of one; the texts are those of pve-container's sources."""
        self.make_guest(122, rootfs="local:0.05", mp0="local:0.01,mp=/data", net0="name=eth0,bridge=vmbr0", tags="mine",
                        description="first")
        clone = "/nodes/pve1/lxc/122/clone"
        self.assertIn("not available", self.refusal("POST", clone, newid=130, full=0))
        self.assertIn("snapshot 'no' does not exist", self.refusal("POST", clone, newid=130, snapname="no"))
        self.assertIn("CT 122 already exists on node 'pve1'", self.refusal("POST", clone, newid=122))
        self.do("POST", "/lxc/122/clone", newid=130, hostname="copy", description="second")
        one, two = (self.ask("GET", f"/nodes/pve1/lxc/{vmid}/config") for vmid in (122, 130))
        self.assertEqual((two["hostname"], two["description"], two["tags"]), ("copy", "second\n", "mine"))
        self.assertEqual(two["mp0"], "local:130/vm-130-disk-1.raw,mp=/data,size=10M")
        self.assertNotEqual(one["net0"], two["net0"])
        self.assertFalse({"lock"} & (one.keys() | two.keys()))
        self.do("POST", "/lxc/122/status/start")
        self.assertEqual("Cannot do full clones on a running container without snapshots",
                         self.refusal("POST", clone, newid=131))
        self.assertEqual([guest["vmid"] for guest in self.ask("GET", "/nodes/pve1/lxc")], [122, 130])

    def test_a_disk_that_grows(self):
        self.make_guest(122, rootfs="local:0.1", mp0="local:0.05,mp=/data,backup=1")
        self.replay("resize", "resize-shrink")
        self.do("PUT", "/lxc/122/resize", disk="rootfs", size="200M")
        self.do("POST", "/lxc/122/status/start")
        grown = self.ask("PUT", "/nodes/pve1/lxc/122/resize", disk="mp0", size="+13M")
        self.assertEqual(self.end_of(grown), "OK")
        config = self.ask("GET", "/nodes/pve1/lxc/122/config")
        self.assertEqual(config["rootfs"], "local:122/vm-122-disk-0.raw,size=200M")
        self.assertEqual(config["mp0"], "local:122/vm-122-disk-1.raw,backup=1,mp=/data,size=64M")
        for number, mib in enumerate((200, 64)):
            disk = self.folder / f"local/images/122/vm-122-disk-{number}.raw"
            self.assertEqual(disk.stat().st_size, mib << 20)
            told = subprocess.run(["dumpe2fs", "-h", disk], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            blocks = {line.split(":")[0]: line.split(":")[1].strip() for line in told.stdout.splitlines() if ":" in line}
            if number == 0 or may_grow_what_is_mounted():
                self.assertEqual(int(blocks["Block count"]) * int(blocks["Block size"]), mib << 20)
            else:
                log = self.ask("GET", f"/nodes/pve1/tasks/{grown}/log")
                self.assertIn("Failed to update the container's filesystem", log[-2]["t"])

    def test_settings_of_a_guest_that_runs(self):
        self.make_guest(122, rootfs="local:0.1", hostname="j122", features="nesting=1", onboot=1)
        self.do("POST", "/lxc/122/status/start")
        self.replay("memory-hotplug", "hostname-running-change", "running-change-cores", "running-change-hostname",
                    "running-pending", "running-rootfs-change", "running-pending2", "config-current")
        self.assertEqual(self.ask("GET", "/nodes/pve1/lxc/122/config")["features"], "nesting=0")
        self.replay("pending-revert")
        self.assertEqual(self.ask("GET", "/nodes/pve1/lxc/122/config")["features"], "nesting=1")

    def test_what_waits_for_the_next_start(self):
        self.make_guest(122, features="nesting=1", entrypoint="/sbin/init", mp0="local:0.05,mp=/data")
        self.do("POST", "/lxc/122/status/start")
        self.ask("PUT", "/nodes/pve1/lxc/122/config", features="nesting=0", delete="entrypoint,mp0")
        rows = {row["key"]: row for row in self.ask("GET", "/nodes/pve1/lxc/122/pending")}
        self.assertEqual(rows["entrypoint"], {"key": "entrypoint", "value": "/sbin/init", "delete": 1})
        self.do("POST", "/lxc/122/status/stop")
        self.do("POST", "/lxc/122/status/start")
        config = self.ask("GET", "/nodes/pve1/lxc/122/config", current=1)
        self.assertEqual((config["features"], config["unused0"]), ("nesting=0", "local:122/vm-122-disk-1.raw"))
        self.assertFalse({"entrypoint", "mp0"} & config.keys())

    def test_a_bridge_that_is_not_there(self):
        self.assertEqual(self.end_of(self.replay("lxc-create-bad-bridge")), "OK")
        self.assertEqual(self.end_of(self.replay("lxc-start-bad-bridge-task-error")), "bridge 'vmbr99' does not exist")
        self.assertEqual(self.end_of(self.replay("lxc-delete")), "OK")

    def test_life_and_death(self):
        self.make_guest(100)
        self.assertEqual(self.end_of(self.replay("lxc-create-subvol")), "OK")
        self.assertEqual(self.end_of(self.replay("lxc-start-subvol")), "OK")
        self.replay("lxc-status-after-reboot")
        self.assertEqual(self.end_of(self.replay("lxc-delete-force")), "OK")
        self.do("POST", "/lxc/100/status/start")
        self.assertEqual(self.end_of(self.replay("lxc-stop-100")), "OK")

    def test_a_guest_that_does_not_stop(self):
        self.make_guest(110, entrypoint="/bin/sleep 1000")
        self.do("POST", "/lxc/110/status/start")
        asked = self.replay("lxc-shutdown-timeout-task-error")
        self.assertEqual(self.end_of(self.replay("lxc-stop-force")), "OK")
        self.assertEqual(self.end_of(asked), "OK")

    def test_a_snapshot_on_a_folder(self):
        self.make_guest(122)
        self.assertEqual(self.end_of(self.replay("snapshot-unsupported")), "snapshot feature is not available")

    def test_a_backup_that_is_listed_restored_and_deleted(self):
        self.make_guest(122, rootfs="local:0.1")
        self.do("POST", "/vzdump", vmid=122, storage="local", compress="zstd", mode="stop")
        (made,) = self.ask("GET", "/nodes/pve1/storage/local/content", content="backup")
        archive = self.folder / "local/dump" / made["volid"].removeprefix("local:backup/")
        recorded = archive.with_name("vzdump-lxc-122-2026_11_23-22_59_35.tar.zst")
        archive.rename(recorded)
        self.replay("backups-list")
        self.assertEqual(self.end_of(self.replay("restore")), "OK")
        self.assertEqual(self.ask("GET", "/nodes/pve1/lxc/134/status/current")["status"], "stopped")
        self.assertEqual(self.end_of(self.replay("backup-delete")), "OK")
        self.assertFalse(recorded.exists())

    def test_a_template(self):
        self.make_guest(132)
        self.replay("template")
        self.assertEqual(self.end_of(self.replay("lxc-start-template")), "you can't start a CT if it's a template")


class Locks(RecordedNode):
    # The real ones wait ten seconds.
    options = ("--lock-wait-ms", "300")

    def test_while_a_guest_is_made(self):
        self.make_guest(110, hostname="app110")
        self.make_guest(100, hostname="bb100", cores=1)
        self.make_guest(122, hostname="j122", memory=48, rootfs="local:0.1")
        # Nobody writes into this one, so that the create goes on until it is aborted.
        os.mkfifo(self.templates / "big_1_amd64.tar.zst")
        made = self.replay("lock-1-create")
        self.await_lines(made, 2)
        self.replay("lock-4-status", "lock-5-create-again", "lock-7-config", "lock-10-tasks-active", "lock-8-list",
                    "lock-9-task-running", "lock-11-stop", "lock-2-config-put-10s-wait", "lock-6-delete")
        started = self.replay("lock-3-start")
        self.assertEqual(self.end_of(started),
                         "can't lock file '/run/lock/lxc/pve-config-125.lock' - got timeout")
        self.replay("task-log-running")
        self.ask("DELETE", f"/nodes/pve1/tasks/{made}")
        self.end_of(made)
        self.replay("task-abort-log", "task-abort-status", "task-log-unknown", "task-wrong-node")
        self.assertNotIn(125, [guest["vmid"] for guest in self.ask("GET", "/nodes/pve1/lxc")])
        self.assertFalse((self.folder / "local/images/125").exists())

    def await_lines(self, upid, count):
        while len(self.ask("GET", f"/nodes/pve1/tasks/{upid}/log")) < count:
            self.assertEqual(self.ask("GET", f"/nodes/pve1/tasks/{upid}/status")["status"], "running")


class PatientLocks(RecordedNode):
    def test_a_start_waits_for_the_create(self):
        self.replay("race-create-1")
        self.assertEqual(self.end_of(self.replay("lxc-locked-create-start")), "OK")
        self.ask("PUT", "/nodes/pve1/lxc/124/config", cores=1)
        self.replay("lxc-locked-create-again", "lxc-locked-create-status", "lxc-locked-create-config")
