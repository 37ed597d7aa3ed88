#!/usr/bin/python3
"""Every answer of pve-sim against every recording of a real API that it covers (recordings/README.md).

recordings_test.py BUILD_DIRECTORY, in a mount and a network namespace of its own. It prints what is not covered, with
why, and fails for a recording that is neither replayed nor named there.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import recordings
from not_covered import NOT_COVERED
# Their tests are among those that are run.
from recorded_guests import Guests, Locks, PatientLocks
from recorded_images import Images
from recorded_node import ALL, TEMPLATE, RecordedNode
from whole_node import TOP, make_own_mounts, sh, show_own_interfaces


class Logins(RecordedNode):
    def test_tokens(self):
        self.replay("auth-none", "auth-bad-secret", "auth-unknown-token", "auth-malformed-token",
                    "auth-token-colon-separator", "auth-unknown-user", "auth-ticket-with-token")

    def test_tickets(self):
        self.make_guest(100)
        self.replay("auth-ticket-ok", "auth-cookie-get", "auth-cookie-post-without-csrf", "auth-ticket-bad-password",
                    "auth-ticket-missing-param", "auth-cookie-bad", "auth-cookie-post-with-csrf")


class Users(RecordedNode):
    def setUp(self):
        super().setUp()
        self.ask("POST", "/access/users", userid="bob@pve")

    def test_who_is_made(self):
        self.replay("user-create-again", "role-create", "token-create", "token-create-again", "acl-set")

    def test_what_somebody_may_who_was_granted_a_part(self):
        configure(self.folder, eno1={"type": "eth"}, vmbr0={"type": "bridge", "autostart": 1})
        for vmid in (100, 122):
            self.make_guest(vmid, **({"hostname": "bb100", "cores": 1} if vmid == 100 else {}))
        self.replay("role-create", "token-create", "acl-set", "perm-permissions", "perm-lxc-list", "perm-resources",
                    "perm-storage-list", "perm-storage-content", "perm-network", "perm-network-post",
                    "perm-config-nonexistent", "perm-config-put-options", "perm-config-put-memory")
        self.assertEqual(self.end_of(self.replay("perm-start")), "OK")
        self.replay("perm-own-task")

    def test_a_token_that_was_granted_nothing_itself(self):
        self.make_guest(100)
        self.replay("role-create", "acl-set")
        made = self.ask("POST", "/access/users/bob@pve/token/t2")
        self.assertEqual(made["info"], {"privsep": "1"})
        self.here["00000000-0000-4000-8000-000000000002"] = made["value"]
        self.replay("perm-privsep-token", "perm-privsep-token-resources", "token-delete")
        with self.connect() as connection:
            login = {"Authorization": f"PVEAPIToken=bob@pve!t2={made['value']}"}
            status, _, _ = self.send(connection, "GET", "/api2/json/version", login)
        self.assertEqual(status, "401 Authentication failed!")


class Http(RecordedNode):
    def test_methods_and_paths(self):
        self.replay("get-version", "get-path-unknown", "http-root", "http-trailing-slash", "http-put-version",
                    "http-wrong-method", "http-head", "http-options", "http-patch", "http-keepalive",
                    "http-extjs-format", "get-vmid-not-int", "get-vmid-out-of-range")

    def test_bodies(self):
        self.make_guest(100)
        self.replay("http-dup-param", "http-repeat-net", "http-body-500k", "http-body-530k", "http-description-9000",
                    "http-expect-100", "http-gzip")
        self.do("POST", "/lxc/100/status/start")
        self.assertEqual(self.end_of(self.replay("http-post-no-body")), "OK")

    def test_booleans(self):
        self.make_guest(100)
        self.replay("bool-1", "bool-no", "bool-off", "bool-on", "bool-0")

    def test_the_daemons_behind_the_proxy(self):
        self.make_guest(100)
        start = "POST /nodes/pve1/lxc/100/status/start"
        (self.folder / "faults").write_text(f"refused 1 {start}\nlost 1 {start}\n")
        self.replay("proxy-pvedaemon-down-node-status-still-works", "proxy-pvedaemon-down-unprotected-still-works")
        with self.connect() as connection:
            login = {"Authorization": self.here[recordings.TOKEN]}
            status, _, body = self.send(connection, "POST", "/api2/json/nodes/pve1/lxc/100/status/start", login)
        self.assertEqual((status, body), ("595 Connection refused", b""))
        self.replay("proxy-pvedaemon-hung-596")


class Nodes(RecordedNode):
    def test_a_node_and_its_guests(self):
        self.make_guest(100, hostname="bb100", cores=1)
        self.make_guest(110, hostname="app110", net0="name=eth0,bridge=vmbr0,gw=10.99.0.1,host-managed=1,"
                                                     "hwaddr=BC:24:11:B7:F4:DA,ip=10.99.0.110/24,type=veth")
        self.ask("PUT", "/nodes/pve1/lxc/110/config", entrypoint="/bin/app other", env="A=1\0B=x y", cmode="console")
        self.replay("get-cluster-nextid", "get-nextid-taken", "get-node-status", "get-nodes",
                    "get-cluster-resources-badtype", "get-cluster-resources-vm", "get-lxc-index", "get-lxc-pending")


class Tasks(RecordedNode):
    def test_a_task_that_has_ended(self):
        self.make_guest(100)
        self.assertEqual(self.end_of(self.replay("task-any")), "OK")
        self.replay("task-bad-upid", "task-status-percent-encoded", "task-log-past-end", "task-log-download",
                    "task-index", "task-delete-finished")

    def test_lists_of_tasks(self):
        (self.templates / "broken.tar.gz").write_text("no archive")
        broken = self.ask("POST", "/nodes/pve1/lxc", vmid=110, ostemplate="local:vztmpl/broken.tar.gz",
                          rootfs="local:1")
        self.assertRegex(self.end_of(broken), "^unable to create CT 110 - command '.*' failed: ")
        self.make_guest(110, entrypoint="/bin/sleep 1000")
        self.do("POST", "/lxc/110/status/start")
        asked = self.ask("POST", "/nodes/pve1/lxc/110/status/shutdown", timeout=1)
        self.assertEqual(self.end_of(asked), "container did not stop")
        self.replay("get-tasks-errors")
        self.do("POST", "/lxc/110/status/shutdown", timeout=1, forceStop=1)
        self.make_guest(111)
        self.do("DELETE", "/lxc/111")
        self.replay("get-tasks-list")


    def test_the_newest_tasks_of_all_nodes(self):
        newest, *before = ALL["cluster-tasks"].body["data"]
        for task in before:
            self.remember_task(task)
        self.assertEqual(len(self.ask("GET", "/cluster/tasks")), len(before))
        # The end of this one was in no list yet.
        self.remember_task(newest)
        self.replay("cluster-tasks")

    def remember_task(self, task):
        """One that has ended before."""
        for ending, text in ((".log", ""), (".status", task["status"])):
            file = self.folder / "tasks" / (task["upid"] + ending)
            file.write_text(text)
            os.utime(file, (task["endtime"], task["endtime"]))


class Storages(RecordedNode):
    def test_volumes(self):
        for vmid in (100, 110):
            self.make_guest(vmid)
        self.ask("POST", "/nodes/pve1/storage/local/content", vmid=100, filename="other.raw", size="8M")
        self.replay("storage-alloc", "storage-alloc-again", "storage-alloc-bad-size", "storage-alloc-wrong-owner",
                    "storage-volume-get", "storage-volume-get-encoded", "storage-volume-get-missing",
                    "storage-content-images", "storage-content-badtype")
        self.assertEqual(self.end_of(self.replay("storage-volume-delete")), "OK")
        self.assertEqual(self.end_of(self.replay("storage-volume-delete-missing")), "OK")
        self.replay("storage-content-rootdir")
        self.assertEqual(self.end_of(self.replay("storage-delete-in-use")), "OK")
        self.do("POST", "/lxc/100/status/start")
        self.assertEqual(self.end_of(self.replay("storage-delete-in-use-running")), "OK")

    def test_storages(self):
        self.replay("get-node-storage", "get-storage-missing", "get-storage-missing-content")

    def test_storages_that_are_made_changed_and_forgotten(self):
        self.replay("get-storage-config")
        # What the real one had below its root.
        self.here["/var/lib/dir2"] = str(self.folder / "elsewhere")
        self.ask("POST", "/storage", storage="dir2", type="dir", path=self.here["/var/lib/dir2"], content="rootdir")
        self.replay("storage-create-again", "storage-create-bad-type", "storage-create-missing-path", "storage-update",
                    "storage-update-fixed", "storage-get", "storage-get-missing", "storage-list-after",
                    "storage-disabled-content", "storage-delete", "storage-delete-again", "storage-delete-local",
                    "storage-after-delete-local")
        self.assertTrue((self.folder / "elsewhere").is_dir())

    def test_volumes_are_where_their_storage_is(self):
        elsewhere = self.folder / "elsewhere"
        self.ask("POST", "/storage", storage="second", type="btrfs", path=str(elsewhere))
        volume = self.ask("POST", "/nodes/pve1/storage/second/content", vmid=100, filename="vm-100-a.raw", size="8M")
        self.assertEqual(volume, "second:100/vm-100-a.raw")
        self.assertEqual((elsewhere / "images/100/vm-100-a/disk.raw").stat().st_size, 8 << 20)
        listed = self.ask("GET", "/nodes/pve1/storage/second/content", vmid=100)
        self.assertEqual([row["volid"] for row in listed], [volume])
        self.do("DELETE", f"/storage/second/content/{volume}")
        self.assertEqual(list((elsewhere / "images/100").iterdir()), [])

    def test_uploads(self):
        self.replay("upload-bad-extension", "upload-field-order-filename-first", "upload-wrong-order")
        self.assertRegex(self.end_of(self.replay("upload-checksum-bad")), "checksum mismatch")
        self.assertEqual(sorted(file.name for file in self.templates.iterdir()), [TEMPLATE])


class Networks(RecordedNode):
    def test_a_node_whose_network_was_configured_by_hand(self):
        configure(self.folder, eno1={"type": "eth"},
                  vmbr0={"type": "bridge", "autostart": 1, "cidr": "10.99.0.1/24", "bridge_ports": "eno1"})
        (self.folder / "interfaces-by-hand").touch()
        self.replay("get-network-vmbr0", "net-create-bridge", "net-list-pending", "net-create-gw-conflict",
                    "net-create-addr-conflict", "net-update", "net-delete-gw", "net-bridges-any", "net-revert",
                    "net-list-after-revert")

    def test_bridges_that_are_written_and_taken_back(self):
        self.replay("net-create-bridge", "net-create-again", "net-create-badcidr", "net-create-gw-conflict",
                    "net-create-gw-conflict2", "net-create-addr-conflict", "net-update", "net-update-missing-type",
                    "net-create-port-missing", "net-delete-gw", "net-delete-missing", "net-revert")
        self.assertEqual([row["iface"] for row in self.ask("GET", "/nodes/pve1/network")], ["vmbr0"])

    def test_a_bridge_that_is_applied(self):
        self.assertEqual(self.end_of(self.replay("net-apply-while-unchanged")), "OK")
        self.replay("net-create")
        self.assertEqual(self.end_of(self.replay("net-apply")), "OK")
        self.replay("net-get-active")
        self.ask("DELETE", "/nodes/pve1/network/vmbr5")
        self.assertEqual(self.end_of(self.replay("net-apply-after-delete")), "OK")


def configure(folder, **interfaces):
    """The node's network is configured so, and applied."""
    (folder / "interfaces.json").write_text(json.dumps({"applied": interfaces, "written": interfaces}))


def unaccounted():
    """What is wrong with the list of those that are not covered."""
    listed = [name for names in NOT_COVERED.values() for name in names.split()]
    return ([f"{name}: neither replayed nor said to be not covered" for name in ALL.keys() - RecordedNode.replayed
             if name not in listed] +
            [f"{name}: said to be not covered, and there is no such recording" for name in listed if name not in ALL] +
            [f"{name}: said to be not covered, and replayed" for name in listed if name in RecordedNode.replayed] +
            [f"{name}: said twice to be not covered" for name in set(listed) if listed.count(name) > 1])


def main():
    build = pathlib.Path(sys.argv.pop(1)).resolve()
    make_own_mounts()
    show_own_interfaces()
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "vmbr0", "type", "bridge")
    # Whose configuration is active.
    sh("ip", "link", "add", "eno1", "type", "veth", "peer", "name", "cable")
    RecordedNode.program = build / "tests/pve-sim/pve-sim"
    with tempfile.TemporaryDirectory(prefix="drover-recordings-") as work:
        sh("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", work)
        RecordedNode.work = work
        RecordedNode.template = os.path.join(work, TEMPLATE)
        subprocess.run([TOP / "packaging/busybox-image", work + "/image", "--template", RecordedNode.template],
                       check=True, stdout=subprocess.DEVNULL)
        failed = not unittest.main(exit=False, verbosity=2).result.wasSuccessful()
        sh("umount", "-l", work)
    if len(sys.argv) == 1:
        for why, names in NOT_COVERED.items():
            print(f"not covered, {why}: {names}")
        print(f"{len(RecordedNode.replayed)} of {len(ALL)} recordings were replayed")
        wrong = unaccounted()
        for fault in sorted(wrong):
            print(fault)
        failed = failed or bool(wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
