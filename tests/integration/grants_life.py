#!/usr/bin/python3
"""A node whose API token may do what `drover doctor` asks for, and nothing else.

grants_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import pathlib
import shlex
import subprocess
import sys
import unittest
import urllib.parse

from whole_node import Client, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
TOKEN = "drover@pve!agent"
IMAGE = "local:vztmpl/busybox.tar.gz"


class GrantsLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True, simulator_options=["--storage", "fast:btrfs"])
        cls.addClassCleanup(cls.node.tear_down)
        cls.admin = pathlib.Path(cls.node.config["proxmox"]["token_file"]).read_text().strip()
        cls.ask("POST", "/access/users", userid="drover@pve")
        cls.ask("PUT", "/access/acl", path="/", users="drover@pve", roles="Administrator")
        secret = cls.ask("POST", "/access/users/drover@pve/token/agent")["value"]
        token_file = cls.node.work / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(f"{TOKEN}={secret}\n")
        cls.node.config["proxmox"]["token_file"] = str(token_file)
        cls.node.config["storage"] = {"default": "fast", "guest_storage": "fast", "template_storages": ["local"]}
        cls.node.config["runtime"]["default"] = "pve-lxc"
        # Often enough that what is looked at all the time is looked at in this test.
        cls.node.config["reconcile"] = {"every_s": 1}
        cls.node.write_config()
        cls.roles = {}
        for finding in cls.lacking():
            for command in finding["commands"]:
                cls.pveum(command)
        cls.node.start()

    @classmethod
    def ask(cls, method, what, /, **form):
        """As an admin. An error is None."""
        done = subprocess.run(
            ["curl", "--silent", "--fail", "--insecure", "--request", method, "--data", urllib.parse.urlencode(form),
             "--header", f"Authorization: PVEAPIToken={cls.admin}", f"{cls.node.config['proxmox']['url']}/api2/json{what}"],
            stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)["data"] if done.returncode == 0 else None

    @classmethod
    def pveum(cls, command):
        """What the program does on a node of Proxmox."""
        program, what, verb, name, *options = shlex.split(command)
        assert program == "pveum", command
        form = {key.removeprefix("--"): value for key, value in zip(options[::2], options[1::2])}
        if (what, verb) == ("role", "add"):
            cls.ask("POST", "/access/roles", roleid=name)
        elif (what, verb) == ("role", "modify"):
            cls.ask("PUT", f"/access/roles/{name}", **form)
            cls.roles.setdefault(name, []).extend(form["privs"].split(","))
        else:
            assert (what, verb) == ("acl", "modify"), command
            cls.ask("PUT", "/access/acl", path=name, **form)

    @classmethod
    def lacking(cls):
        """What the doctor finds that could be granted."""
        done = subprocess.run([BUILD / "agent/cli/drover", "doctor", "--config", cls.node.work / "droverd.json", "--json"],
                              stdout=subprocess.PIPE, text=True)
        return [found for found in json.loads(done.stdout) if found["about"] == "privileges" and found["commands"]]

    def expect_nothing_was_refused(self):
        log = (self.node.work / "droverd.log").read_text()
        self.assertNotIn("Permission check failed", log)
        self.assertNotIn("Sys.Audit", log)

    def without(self, role, privilege):
        """The role has lost it."""
        left = [name for name in dict.fromkeys(self.roles[role]) if name != privilege]
        self.ask("PUT", f"/access/roles/{role}", privs=",".join(left))
        self.addCleanup(self.ask, "PUT", f"/access/roles/{role}", privs=",".join(self.roles[role]))

    def test_with_them_nothing_is_refused(self):
        self.assertEqual(self.lacking(), [])
        drover = self.node.drover
        drover("run", "--name", "web", "--image", IMAGE, "-m", "64M", "--volume", "data:/data:64M")
        self.assertTrue(json.loads(drover("node", "--json").stdout)["cluster"]["quorate"])
        self.assertEqual(drover("exec", "web", "cat", "/etc/hostname", check=False).returncode, 0)
        for words in [("pause", "web"), ("resume", "web"), ("update", "web", "-m", "128M"),
                      ("snapshot", "create", "web", "one"), ("snapshot", "rollback", "web", "one"),
                      ("snapshot", "rm", "web", "one"), ("restart", "web"), ("kill", "web"), ("start", "web"),
                      ("stop", "web"), ("update", "web", "--disk", "1100M")]:
            drover(*words)
        backup = drover("backup", "web", "--storage", "fast").stdout.strip()
        drover("run", "--name", "copy", "--image", backup, "--network", "none")
        drover("rm", "--force", "web", "copy")
        drover("network", "ensure", "vmbr7", "--address", "10.87.0.1/24")
        drover("run", "--name", "near", "--image", IMAGE, "--network", "eth0=vmbr7")
        drover("rm", "--force", "near")
        drover("network", "rm", "vmbr7")
        drover("volume", "create", "kept", "--size", "64M")
        drover("run", "--runtime", "crun", "--name", "other", "--network", "none", "--mount", "kept:/kept", "--", "sleep",
               "60")
        drover("rm", "--force", "other")
        drover("volume", "rm", "kept")
        client = Client(self.node)
        walled = client.run({"id": "walled", "verb": "container.run", "target": "walled", "spec": {
            "image": IMAGE, "networks": [{"interface": "eth0", "bridge": "vmbr0"}],
            "firewall": {"policy_out": "REJECT", "rules": [{"type": "in", "action": "ACCEPT", "macro": "SSH"}]}}})
        client.close()
        self.assertEqual(walled["state"], "succeeded", walled)
        drover("rm", "--force", "walled")
        template = self.node.simulator.folder / "local/template/cache/busybox.tar.gz"
        drover("image", "pull", "local:vztmpl/again.tar.gz", "--from", str(template))
        drover("image", "rm", "local:vztmpl/again.tar.gz")
        self.expect_nothing_was_refused()

    def test_without_one_the_doctor_names_it_and_what_needs_it_is_refused(self):
        for role, privilege, path, grade, line in [
                ("DroverNodes", "Sys.Modify", "/nodes/node1", "hint ", ["network", "ensure", "vmbr8"]),
                ("DroverStorage", "Datastore.Allocate", "/storage/fast", "FAULT", None),
                ("DroverVms", "VM.Allocate", "/vms", "FAULT",
                 ["run", "--name", "none", "--image", IMAGE, "--network", "none"])]:
            with self.subTest(privilege=privilege):
                self.without(role, privilege)
                found = [finding["message"] for finding in self.lacking()]
                self.assertEqual(len(found), 1, found)
                self.assertIn(f"{TOKEN} lacks {privilege} on {path}", found[0])
                told = subprocess.run([BUILD / "agent/cli/drover", "doctor", "--config", self.node.work / "droverd.json"],
                                      stdout=subprocess.PIPE, text=True)
                self.assertIn(f"\n{grade} privileges  {TOKEN} lacks {privilege} on {path}", told.stdout)
                if line:
                    refused = self.node.drover(*line, check=False)
                    self.assertEqual(refused.returncode, 1)
                    self.assertIn("Permission check failed", refused.stderr)
                self.doCleanups()
        self.assertEqual(self.lacking(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
