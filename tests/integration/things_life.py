#!/usr/bin/python3
"""What a whole node has besides containers: volumes and networks of their own, and limits that change.

things_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest

from container_leases import ContainerLeases
from container_secrets import ContainerSecrets
from volumes_in_use import MAY_RESIZE_EXT4, VolumesInUse
from whole_node import SERVE, EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
RUNTIMES = ["runc", "crun", "lxc"]


class ThingsLife(ContainerLeases, ContainerSecrets, VolumesInUse, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        cls.node = Node(BUILD)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.stream = EventStream(cls.node)

    def test_z_every_event_was_told_as_the_schema_says(self):
        """The last of all: the stream followed the node through the other tests."""
        events = self.stream.end_at_head(self)
        kinds = {event["type"].removeprefix("drover.") for event in events}
        for kind in ["volume.created", "volume.resized", "volume.deleted",
                     "network.created", "network.removed", "network.lost", "network.restored", "container.updated",
                     "container.snapshot_taken", "container.rolled_back", "container.snapshot_deleted"]:
            self.assertIn(kind, kinds)

    def test_a_volume_outlives_its_containers_and_grows(self):
        drover = self.node.drover
        drover("volume", "create", "kept", "--storage", "local-image", "--size", "32M")
        drover("volume", "create", "plain")
        for size, runtime in zip((48, 64, 80), RUNTIMES):
            with self.subTest(runtime=runtime):
                name = f"keeps-{runtime}"
                drover("run", "--runtime", runtime, "--name", name, "--mount", "kept:/data", "--mount", "plain:/plain",
                       "--", "sh", "-c", f"echo {runtime} | tee -a /plain/all >>/data/all; exec 3>/data/open; {SERVE % 0}")
                self.assertIn(name, drover("volume", "rm", "kept", check=False).stderr)
                self.assertIn("stop that before", drover("volume", "snapshot", "kept", "copy", check=False).stderr)
                pid = self.node.await_status(name, "running")["pid"]
                if MAY_RESIZE_EXT4:
                    drover("volume", "resize", "kept", f"{size}M")
                    self.assertGreater(self.mib_seen(name), size - 14)
                    self.assertEqual(self.node.await_status(name, "running")["pid"], pid)
                else:
                    self.assertIn("CAP_SYS_RESOURCE", drover("volume", "resize", "kept", "90M", check=False).stderr)
                drover("stop", name)
                drover("rm", name)
        # Stopped, copied and grown, and started again with both mounted anew.
        drover("run", "--runtime", "runc", "--name", "grows", "--mount", "kept:/data", "--", "sh", "-c",
               f"df -m /data | tail -1 >>/data/sizes; {SERVE % 0}")
        drover("stop", "grows")
        drover("volume", "snapshot", "kept", "before")
        drover("volume", "resize", "kept", "128M")
        drover("start", "grows")
        told = drover("exec", "grows", "--", "cat", "/data/all", "/data/sizes").stdout.split()
        self.assertEqual(told[:3], RUNTIMES)
        sizes = [int(told[i + 1]) for i in range(3, len(told), 6)]
        self.assertEqual(len(sizes), 2, told)
        self.assertLess(sizes[0], 81)
        self.assertGreater(sizes[1], 100)
        drover("rm", "--force", "grows")
        seen = drover("run", "--runtime", "runc", "--name", "looks", "--mount", "before:/data:ro", "--wait", "--rm", "--",
                      "sh", "-c", "cat /data/all; touch /data/x || echo read-only").stdout.split()
        self.assertEqual(seen, RUNTIMES + ["read-only"])
        drover("volume", "rm", "kept", "before", "plain")
        self.assertEqual(drover("volume", "ls", "--quiet").stdout, "")
        self.assertEqual(os.listdir(self.node.work / "state/volumes"), [])
        self.assertEqual(os.listdir(self.node.work / "state/volume-records"), [])

    def test_limits_change_while_it_runs_and_hold_after_a_restart(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"limits-{runtime}"
                self.node.drover("run", "--runtime", runtime, "--name", name, "-m", "64M", "--pids", "50", "--", "sh", "-c",
                                 SERVE % 0)
                self.node.drover("update", name, "--pids", "30")
                for _ in range(2):
                    self.assertEqual(self.node.inspect(name)["spec"]["resources"], {"memory_mib": 64, "pids": 30})
                    self.assertEqual(self.pids_max(self.node.await_status(name, "running")["pid"]), "30")
                    self.node.drover("restart", name)
                self.node.drover("rm", "--force", name)

    def started_twice(self, name):
        """What is in its root once its program has been started for the second time there."""
        script = "until [ $(wc -l </starts) -ge 2 ]; do sleep 0.05; done; cat /state /starts; ls /later"
        return self.node.drover("exec", name, "--", "sh", "-c", script, check=False).stdout

    def test_a_container_goes_back_to_what_its_root_was(self):
        drover = self.node.drover
        for runtime in ["crun", "lxc"]:
            with self.subTest(runtime=runtime):
                name = f"back-{runtime}"
                drover("run", "--runtime", runtime, "--name", name, "--userns", "auto", "--", "sh", "-c",
                       f"echo started >>/starts; {SERVE % 0}")
                drover("exec", name, "--", "sh", "-c", "until [ -s /starts ]; do sleep 0.05; done; echo one >/state")
                drover("snapshot", "create", name, "before")
                drover("exec", name, "--", "sh", "-c", "echo two >/state; touch /later")
                drover("snapshot", "create", name, "after")
                drover("snapshot", "rollback", name, "before")
                seen = self.node.await_status(name, "running")
                self.assertEqual([(one["name"], one.get("newest", False)) for one in seen["snapshots"]],
                                 [("before", True), ("after", False)])
                self.assertEqual(self.started_twice(name), "one\nstarted\nstarted\n")
                drover("snapshot", "rm", name, "after")
                # One that is stopped is so afterwards, and as it was when it starts.
                drover("stop", name)
                drover("snapshot", "rollback", name, "before")
                self.assertEqual(self.node.inspect(name)["status"], "stopped")
                drover("start", name)
                self.assertEqual(self.started_twice(name), "one\nstarted\nstarted\n")
                drover("rm", "--force", name)
                self.assertFalse((self.node.work / "state/containers" / name).exists())

    def pids_max(self, pid):
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            number, controllers, group = line.split(":", 2)
            folder = "/sys/fs/cgroup" + ("/" + controllers if controllers else "")
            if controllers == "pids" or number == "0":
                file = pathlib.Path(folder + group) / "pids.max"
                if file.exists():
                    return file.read_text().strip()
        return None

    def received(self, name):
        """Bytes that its interface has taken, as `drover stats` tells."""
        (one,) = json.loads(self.node.drover("stats", "--json", name).stdout)
        (network,) = one["networks"]
        self.assertEqual(network["interface"], "eth0")
        self.assertIn("percent", one["cpu"])
        return network["rx_bytes"]

    def reach(self, name, interface=0):
        """From the node; a container may send no such packets itself."""
        network = self.node.inspect(name)["networks"][interface]
        subprocess.run(["busybox", "ping", "-c", "1", "-w", "5", network["address"].split("/")[0]], check=True,
                       stdout=subprocess.DEVNULL)

    def expect_published_and_named(self, name):
        """Its port by the node's, and its own name and another's in its hosts file."""
        said = b""
        until = time.monotonic() + 30
        while said != b"hello\n" and time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", 8080), timeout=5) as connection:
                    said = connection.recv(16)
            except OSError:
                time.sleep(0.02)
        self.assertEqual(said, b"hello\n")
        (network,) = self.node.inspect(name)["networks"]
        hosts = self.node.drover("exec", name, "--", "cat", "/etc/hosts").stdout
        self.assertIn(f"{network['address'].split('/')[0]} {name}\n", hosts)
        self.assertIn("192.0.2.7 db\n", hosts)
        self.assertEqual(self.node.drover("exec", name, "--", "cat", "/etc/hostname").stdout, f"{name}\n")

    def test_a_network_of_its_own_is_there_again_after_a_reboot(self):
        drover = self.node.drover
        drover("network", "ensure", "apps", "--address", "10.84.0.1/24")
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"net-{runtime}"
                drover("run", "--runtime", runtime, "--name", name, "--network", "eth0=apps,ingress=10M", "-p",
                       "127.0.0.1:8080:80", "--add-host", "db:192.0.2.7", "--", "sh", "-c",
                       f"(while :; do echo hello | nc -l -p 80; done) & {SERVE % 0}")
                self.assertIn("default via 10.84.0.1", drover("exec", name, "--", "ip", "route").stdout)
                self.reach(name)
                self.assertGreater(self.received(name), 64)
                self.expect_published_and_named(name)
                before = self.node.inspect(name)["networks"]
                drover("restart", name)
                self.assertEqual(self.node.inspect(name)["networks"], before)
                self.expect_published_and_named(name)
                self.assertIn(f"on it are {name}", drover("network", "rm", "apps", check=False).stderr)
                drover("rm", "--force", name)
                rules = subprocess.run(["iptables-save"], stdout=subprocess.PIPE, text=True, check=True).stdout
                self.assertNotIn("CNI-DN-", rules)
        # As a reboot leaves it: no bridge. The next agent makes it.
        self.node.end()
        subprocess.run(["ip", "link", "delete", "dev", "apps"], check=True)
        self.node.start()
        drover("run", "--runtime", "runc", "--name", "again", "--network", "eth0=apps", "--", "sh", "-c", SERVE % 0)
        self.reach("again")
        drover("rm", "--force", "again")
        drover("network", "rm", "apps")
        self.assertNotIn("apps", subprocess.run(["ip", "link"], stdout=subprocess.PIPE, text=True, check=True).stdout)
        subprocess.run(["ip", "link", "add", "not-ours", "type", "bridge"], check=True)
        self.assertIn("is not Drover's", drover("network", "ensure", "not-ours").stderr)
        self.assertIn("not Drover's", drover("network", "rm", "not-ours", check=False).stderr)


class NodeOfProxmox(unittest.TestCase):
    """What is different where volumes lie on a storage of Proxmox (tests/pve-sim)."""

    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()

    def test_a_volume_outlives_its_containers_and_grows(self):
        drover = self.node.drover
        drover("volume", "create", "kept", "--size", "32M")
        drover("run", "--runtime", "runc", "--name", "one", "--network", "none", "--mount", "kept:/data", "--", "sh", "-c",
               f"echo one >/data/text; {SERVE % 0}")
        drover("stop", "one")
        drover("volume", "snapshot", "kept", "copy")
        drover("volume", "resize", "kept", "64M")
        volumes = {row["name"]: row for row in json.loads(drover("volume", "ls", "--json").stdout)}
        for name, size in {"kept": 64, "copy": 32}.items():
            self.assertTrue(volumes[name]["id"].startswith("local:999000000/vm-999000000-standing-"), volumes[name])
            self.assertEqual(volumes[name]["size_mib"], size)
        drover("rm", "one")
        for name in ["kept", "copy"]:
            seen = drover("run", "--runtime", "runc", "--name", "two", "--network", "none", "--mount", f"{name}:/data",
                          "--wait", "--rm", "--", "cat", "/data/text")
            self.assertEqual(seen.stdout, "one\n")
        drover("volume", "rm", "kept", "copy")
        folder = self.node.simulator.folder
        self.assertEqual([str(path) for path in folder.rglob("vm-999000000-*")], [])

    def test_limits_of_a_guest_change_in_its_configuration(self):
        drover = self.node.drover
        drover("run", "--runtime", "pve-lxc", "--name", "guest", "--image", "local:vztmpl/busybox.tar.gz", "-m", "64M",
               "--network", "eth0=vmbr0,address=10.83.0.200/24", "--volume", "data:/data:64M")
        seen = self.node.inspect("guest")
        self.assertGreaterEqual(seen["vmid"], 900000)
        self.assertEqual(seen["networks"][0]["address"], "10.83.0.200/24")
        self.assertEqual(seen["volumes"][0]["target"], "/data")
        self.assertIn(f"vm-{seen['vmid']}-disk-", seen["volumes"][0]["id"])
        drover("update", "guest", "-m", "128M", "--cpus", "1.5")
        (config,) = [path.read_text() for path in (self.node.simulator.folder / "guests").rglob("*") if path.is_file()]
        for setting in ['memory', '128', 'cpulimit', '1.50']:
            self.assertIn(setting, config)
        refused = drover("update", "guest", "--pids", "10", check=False)
        self.assertIn("Proxmox bounds no guest's processes", refused.stderr)
        drover("rm", "--force", "guest")

    def test_a_bridge_is_made_in_proxmoxs_configuration(self):
        drover = self.node.drover
        drover("network", "ensure", "vmbr0")
        drover("network", "ensure", "vmbr5", "--address", "10.84.0.1/24")
        for runtime, options in {"pve-lxc": ["--image", "local:vztmpl/busybox.tar.gz"], "runc": []}.items():
            address = "eth0=vmbr5,address=10.84.0.77/24" if options else "eth0=vmbr5"
            drover("run", "--runtime", runtime, "--name", f"on-{runtime}", *options, "--network", address,
                   *([] if options else ["--", "sh", "-c", SERVE % 0]))
            (network,) = self.node.inspect(f"on-{runtime}")["networks"]
            subprocess.run(["busybox", "ping", "-c", "1", "-w", "5", network["address"].split("/")[0]], check=True,
                           stdout=subprocess.DEVNULL)
        self.assertIn("on it are on-pve-lxc, on-runc", drover("network", "rm", "vmbr5", check=False).stderr)
        (row,) = json.loads(drover("network", "ls", "--json").stdout)
        self.assertEqual((row["name"], row["state"], row["by_proxmox"]), ("vmbr5", "up", True))
        drover("rm", "--force", "on-runc", "on-pve-lxc")
        drover("network", "rm", "vmbr5")
        self.assertNotIn("vmbr5", subprocess.run(["ip", "link"], stdout=subprocess.PIPE, text=True, check=True).stdout)
        self.assertIn("letters, digits", drover("network", "ensure", "my-network", check=False).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
