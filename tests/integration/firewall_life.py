#!/usr/bin/python3
"""Guests of Proxmox behind a firewall: what Proxmox is told of it, and where it is not to be had.

firewall_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own. The simulator keeps what it is told and filters
no packet.
"""

import json
import pathlib
import sys
import time
import unittest

from whole_node import Client, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
IMAGE = "local:vztmpl/busybox.tar.gz"
FIREWALL = {
    "policy_out": "REJECT",
    "rules": [
        {"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "80,443", "source": "+office", "comment": "the web"},
        {"type": "in", "action": "ACCEPT", "macro": "SSH"},
        {"type": "out", "action": "ACCEPT", "proto": "udp", "dport": "53"},
    ],
    "ipsets": {"office": ["192.0.2.0/24", "198.51.100.7"]},
}


class FirewallLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.switch = cls.node.simulator.folder / "cluster-firewall"

    def spec(self, **changes):
        return {"runtime": "pve-lxc", "image": IMAGE, "firewall": FIREWALL,
                "networks": [{"interface": "eth0", "bridge": "vmbr0", "address": "10.83.0.200/24"}], **changes}

    def told(self, name):
        vmid = self.node.inspect(name)["vmid"]
        return json.loads((self.node.simulator.folder / "firewall" / str(vmid)).read_text())

    def expect_whole(self, name):
        told = self.told(name)
        self.assertEqual([{key: value for key, value in rule.items() if key != "enable"} for rule in told["rules"]],
                         FIREWALL["rules"])
        self.assertEqual({rule["enable"] for rule in told["rules"]}, {1})
        self.assertEqual(told["options"], {"enable": 1, "policy_in": "DROP", "policy_out": "REJECT"})
        self.assertEqual(told["ipsets"], FIREWALL["ipsets"])
        vmid = self.node.inspect(name)["vmid"]
        config = json.loads((self.node.simulator.folder / "guests" / f"{vmid}.json").read_text())
        self.assertIn("firewall=1", config["net0"])

    def test_a_guest_is_behind_its_firewall_before_it_starts_whatever_becomes_of_the_agent(self):
        crash = self.node.work / "crash"
        crash.mkdir()
        (crash / "at").write_text("guest before its firewall")
        self.node.end()
        self.node.start(DROVER_CRASH=str(crash))
        client = Client(self.node)
        client.submit({"id": "cut-off", "verb": "container.run", "target": "cut-off", "spec": self.spec()})
        self.node.agent.wait(30)
        before = time.time()
        (crash / "at").unlink()
        self.node.start()
        self.addCleanup(self.node.drover, "rm", "--force", "cut-off")
        self.assertEqual(client.await_end("cut-off")["state"], "succeeded")
        client.close()
        self.expect_whole("cut-off")
        self.assertEqual(self.node.inspect("cut-off")["spec"]["firewall"], FIREWALL)
        # Proxmox takes up new rules every ten seconds.
        self.assertGreaterEqual(time.time() - before, 10)

    def test_where_no_rule_is_heeded_nothing_is_made(self):
        self.switch.write_text("0")
        self.addCleanup(self.switch.unlink)
        client = Client(self.node)
        ended = client.run({"id": "off", "verb": "container.run", "target": "off", "spec": self.spec()})
        client.close()
        self.assertEqual(ended["state"], "failed")
        self.assertIn("the cluster's firewall is off", ended["error"]["message"])
        self.assertEqual(ended["error"]["code"], "refused")
        self.assertFalse(any(guest.name.startswith("9") and "off" in guest.read_text()
                             for guest in (self.node.simulator.folder / "guests").iterdir()))

    def test_runtimes_without_one_refuse(self):
        client = Client(self.node)
        for runtime in ["runc", "crun", "lxc"]:
            with self.subTest(runtime):
                kind, body = client.submit({"id": f"no-{runtime}", "verb": "container.run", "target": "no",
                                            "spec": {"runtime": runtime, "firewall": {}}})
                self.assertEqual((kind, body["code"]), ("error", "refused"))
                self.assertIn("firewall", body["message"])
        client.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
