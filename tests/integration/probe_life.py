#!/usr/bin/python3
"""Probes on every runtime of a node with Proxmox: inside the container's own network, and by programs.

probe_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import os
import pathlib
import signal
import sys
import time
import unittest

from port_forwards import Forward
from whole_node import SERVE, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
PROBES = ["--probe-http", "8080/", "--probe-tcp", "8080", "--probe-exec", "test -f /ok", "--probe-interval", "1",
          "--probe-start-period", "60"]
# Only at the address it has on its bridge, which loopback does not reach.
SERVER = "mkdir -p /www; echo hello > /www/index.html; httpd -p %s:8080 -h /www; touch /ok; "


class ProbeLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()

    def run_probed(self, runtime, address, *words):
        self.node.drover("run", "--runtime", runtime, "--name", f"on-{runtime}", "--network",
                         f"eth0=vmbr0,address={address}/24", *PROBES, *words)
        self.addCleanup(self.node.drover, "rm", "--force", f"on-{runtime}", check=False)

    def await_health(self, name, health):
        deadline = time.monotonic() + 30
        while (seen := self.node.inspect(name)).get("health") != health:
            self.assertLess(time.monotonic(), deadline, f"{name}: {seen.get('probes')}")
            time.sleep(0.05)
        return {probe["name"]: probe["ok"] for probe in self.node.inspect(name)["probes"]}

    def test_containers(self):
        for number, runtime in enumerate(["runc", "crun", "lxc"]):
            with self.subTest(runtime=runtime):
                address = f"10.83.0.{50 + number}"
                self.run_probed(runtime, address, "--", "sh", "-c", SERVER % address + SERVE % 0)
                self.assertEqual(self.await_health(f"on-{runtime}", "healthy"),
                                 {"http-8080": True, "tcp-8080": True, "exec": True})

    def test_users_of_their_own_outlive_an_agent_that_is_killed(self):
        def outside(name):
            seen = self.node.await_status(name, "running")
            with open(f"/proc/{seen['pid']}/uid_map", encoding="ascii") as mapped:
                inside, first, count = map(int, mapped.read().split())
            self.assertEqual(seen["users"], {"first": first, "count": count})
            self.assertEqual((inside, count), (0, 65536))
            return first

        before = {}
        for number, runtime in enumerate(("runc", "crun", "lxc")):
            name = f"own-{runtime}"
            address = f"10.83.0.{120 + number}"
            # Only root opens port 80, and only where its own users have the say over the network.
            self.node.drover("run", "--runtime", runtime, "--name", name, "--userns", "auto",
                             "--network", f"eth0=vmbr0,address={address}/24", "--probe-http", "80/",
                             "--probe-interval", "1", "--volume", "data:/data:16M:local-image",
                             "--", "sh", "-c", f"mkdir -p /www; echo > /www/index.html; httpd -p {address}:80 -h /www; "
                             + SERVE % 3)
            self.addCleanup(self.node.drover, "rm", "--force", name, check=False)
            before[name] = outside(name)
        self.assertEqual(len(set(before.values())), 3)
        self.node.end(signal.SIGKILL)
        self.node.start()
        for name, first in before.items():
            with self.subTest(name):
                self.assertEqual(outside(name), first)
                self.await_health(name, "healthy")
                written = "id -u; echo 192.0.2.7 other >> /etc/hosts && touch /data/made; stat -c %u /data/made"
                self.assertEqual(self.node.drover("exec", name, "--", "sh", "-c", written).stdout, "0\n0\n")
                self.node.drover("stop", name)
                self.node.drover("start", name)
                self.assertEqual(outside(name), first)
                self.node.drover("rm", "--force", name)
        for folder in ("views", "user-namespaces"):
            self.assertEqual(os.listdir(self.node.work / "run" / folder), [])

    def test_a_guest_of_proxmox(self):
        """Its network is its first process', because Proxmox makes it."""
        self.run_probed("pve-lxc", "10.83.0.60", "--image", "local:vztmpl/busybox.tar.gz")
        self.assertEqual(self.node.inspect("on-pve-lxc")["health"], "starting")
        self.node.drover("exec", "on-pve-lxc", "--", "sh", "-c", SERVER % "10.83.0.60")
        self.assertEqual(self.await_health("on-pve-lxc", "healthy"),
                         {"http-8080": True, "tcp-8080": True, "exec": True})
        self.node.drover("exec", "on-pve-lxc", "--", "sh", "-c", "nc -ll -p 7000 -e cat </dev/null >/dev/null 2>&1 &")
        with Forward(self.node, "on-pve-lxc") as forward:
            forward.await_echo()


if __name__ == "__main__":
    unittest.main(verbosity=2)
