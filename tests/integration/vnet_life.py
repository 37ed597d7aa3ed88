#!/usr/bin/python3
"""A whole node whose containers and guests are on vnets of its cluster's SDN (tests/pve-sim).

vnet_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import pathlib
import subprocess
import sys
import time
import unittest

from whole_node import SERVE, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
GUEST = ["--runtime", "pve-lxc", "--image", "local:vztmpl/busybox.tar.gz"]
# Who may send no packets of ping can still ask a web server.
PROGRAM = ["--", "sh", "-c", f"mkdir -p /www; echo here >/www/index.html; httpd -p 80 -h /www; {SERVE % 0}"]


class VnetLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.simulator = cls.node.simulator
        cls.simulator.make_zone("lab", type="simple")

    def pending(self):
        return [one["vnet"] for one in self.simulator.call("GET", "/cluster/sdn/vnets?pending=1") if "pending" in one]

    def address(self, name):
        (network,) = self.node.inspect(name)["networks"]
        return network["address"].split("/")[0]

    def test_containers_and_guests_on_it_reach_each_other(self):
        drover = self.node.drover
        drover("network", "ensure", "web", "--zone", "lab", "--address", "10.84.0.1/24")
        (row,) = json.loads(drover("network", "ls", "--json").stdout)
        self.assertEqual((row["name"], row["state"], row["zone"], row["address"]), ("web", "up", "lab", "10.84.0.1/24"))
        self.assertRegex(drover("network", "ls").stdout, r"ZONE.*\nweb +up +10.84.0.1/24 +no +lab ")
        # Before the others, whose addresses may be any that nobody has.
        drover("run", *GUEST, "--name", "guest", "--network", "eth0=web,address=10.84.0.77/24")
        for runtime in ["runc", "crun", "lxc"]:
            drover("run", "--runtime", runtime, "--name", f"on-{runtime}", "--network", "eth0=web", *PROGRAM)
        servers = [f"on-{runtime}" for runtime in ["runc", "crun", "lxc"]]
        for name in [*servers, "guest"]:
            for server in servers:
                with self.subTest(asks=name, server=server):
                    ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {self.address(server)} 80"
                    self.assertIn("here", drover("exec", name, "--", "sh", "-c", ask).stdout)
        subprocess.run(["busybox", "ping", "-c", "1", "-w", "5", "10.84.0.77"], check=True, stdout=subprocess.DEVNULL)
        self.assertIn("on it are guest, on-crun, on-lxc, on-runc", drover("network", "rm", "web", check=False).stderr)
        drover("rm", "--force", "guest", *servers)
        drover("network", "rm", "web")
        self.assertNotIn("web:", subprocess.run(["ip", "link"], stdout=subprocess.PIPE, text=True, check=True).stdout)
        self.assertEqual(self.simulator.call("GET", "/cluster/sdn/vnets"), [])

    def leased(self):
        return {one["ip"]: one.get("mac") for one in self.simulator.call("GET", "/cluster/sdn/ipams/pve/status")
                if not one.get("gateway")}

    def test_proxmox_keeps_the_addresses_where_the_zone_has_an_ipam(self):
        drover = self.node.drover
        self.simulator.make_zone("kept", type="simple", ipam="pve", dhcp="dnsmasq")
        drover("network", "ensure", "leases", "--zone", "kept", "--address", "10.86.0.1/24")
        # Before the others, whose addresses may be any that nobody has.
        self.simulator.call("POST", "/cluster/sdn/vnets/leases/ips", zone="kept", ip="10.86.0.98", mac="BC:24:11:00:00:01")
        drover("run", "--runtime", "runc", "--name", "chosen", "--network", "eth0=leases,address=10.86.0.99/24", *PROGRAM)
        for runtime in ["runc", "crun", "lxc"]:
            drover("run", "--runtime", runtime, "--name", f"has-{runtime}", "--network", "eth0=leases", *PROGRAM)
        names = ["chosen", "has-crun", "has-lxc", "has-runc"]
        (seen,) = self.node.inspect("has-runc")["networks"]
        self.assertEqual(self.leased(), {"10.86.0.98": "BC:24:11:00:00:01"} | {
            self.address(name): self.node.inspect(name)["networks"][0]["mac"] for name in names})
        self.assertIn(seen["mac"], drover("exec", "has-runc", "--", "cat", "/sys/class/net/eth0/address").stdout)
        self.assertIn("default via 10.86.0.1", drover("exec", "has-runc", "--", "ip", "route").stdout)
        taken = drover("run", "--runtime", "runc", "--name", "late", "--network", "eth0=leases,address=10.86.0.98/24",
                       *PROGRAM, check=False)
        self.assertIn("10.86.0.98", taken.stderr)
        # As a reboot leaves it: the same address after it.
        drover("stop", "has-runc")
        self.node.end()
        subprocess.run(["ip", "netns", "delete", "drover-has-runc"], check=True)
        self.node.start()
        drover("start", "has-runc")
        self.assertEqual(self.node.inspect("has-runc")["networks"][0]["address"], seen["address"])
        drover("rm", "--force", *names)
        self.assertEqual(list(self.leased()), ["10.86.0.98"])
        self.assertIn("not empty", drover("network", "rm", "leases", check=False).stderr)
        self.simulator.call("DELETE", "/cluster/sdn/vnets/leases/ips?zone=kept&ip=10.86.0.98&mac=BC:24:11:00:00:01")
        drover("network", "rm", "leases")

    def test_it_is_there_for_the_next_agent(self):
        drover = self.node.drover
        drover("network", "ensure", "kept", "--zone", "lab", "--address", "10.85.0.1/24")
        self.node.end()
        self.node.start()
        drover("run", "--runtime", "runc", "--name", "later", "--network", "eth0=kept", *PROGRAM)
        self.assertTrue(self.address("later").startswith("10.85.0."))
        drover("rm", "--force", "later")
        drover("network", "rm", "kept")

    def test_bridges_vnets_and_bonds_are_listed_as_the_node_has_them(self):
        drover = self.node.drover
        drover("network", "ensure", "shown", "--zone", "lab", "--address", "10.87.0.1/24")
        self.simulator.call("POST", "/nodes/node1/network", iface="bond0", type="bond", slaves="eth1 eth2",
                            bond_mode="active-backup")
        self.node.end()
        self.node.start()
        until = time.monotonic() + 30
        while (listed := drover("network", "links", "--json", check=False)).returncode != 0:
            self.assertIn("not asked yet", listed.stderr)
            self.assertLess(time.monotonic(), until)
        links = {link["name"]: link for link in json.loads(listed.stdout)}
        self.assertEqual({name: (link["type"], link["active"], link["own"]) for name, link in links.items()},
                         {"bond0": ("bond", False, False), "shown": ("vnet", True, True), "vmbr0": ("bridge", True, False)})
        self.assertEqual((links["bond0"]["mode"], links["bond0"]["ports"]), ("active-backup", ["eth1", "eth2"]))
        self.simulator.call("DELETE", "/nodes/node1/network")
        drover("network", "rm", "shown")

    def test_an_admins_changes_and_lock_are_left_alone(self):
        drover, call = self.node.drover, self.simulator.call
        call("POST", "/cluster/sdn/vnets", vnet="theirs", zone="lab")
        self.assertIn("(vnet theirs)", drover("network", "ensure", "mine", "--zone", "lab", check=False).stderr)
        self.assertEqual(self.pending(), ["theirs"])
        call("DELETE", "/cluster/sdn/vnets/theirs")
        token = call("POST", "/cluster/sdn/lock")
        told = drover("network", "ensure", "mine", "--zone", "lab", check=False).stderr
        self.assertIn("pvesh delete /cluster/sdn/lock --force 1", told)
        call("DELETE", f"/cluster/sdn/lock?lock-token={token}")
        self.assertIn("it has lab;", drover("network", "ensure", "mine", "--zone", "none", check=False).stderr)
        self.assertEqual(drover("network", "ls", "--quiet").stdout, "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
