#!/usr/bin/python3
"""Probes on every runtime of a node with Proxmox: inside the container's own network, and by programs.

probe_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import pathlib
import sys
import time
import unittest

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

    def test_a_guest_of_proxmox(self):
        """Its network is its first process', because Proxmox makes it."""
        self.run_probed("pve-lxc", "10.83.0.60", "--image", "local:vztmpl/busybox.tar.gz")
        self.assertEqual(self.node.inspect("on-pve-lxc")["health"], "starting")
        self.node.drover("exec", "on-pve-lxc", "--", "sh", "-c", SERVER % "10.83.0.60")
        self.assertEqual(self.await_health("on-pve-lxc", "healthy"),
                         {"http-8080": True, "tcp-8080": True, "exec": True})


if __name__ == "__main__":
    unittest.main(verbosity=2)
