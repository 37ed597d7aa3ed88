#!/usr/bin/python3
"""Two whole nodes of one Proxmox cluster, and guests that move between them.

migrate_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

from whole_node import Client, EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
STORAGES = ["--storage", "fast:btrfs", "--storage", "slow:dir"]


class MigrateLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True, simulator_options=STORAGES)
        cls.addClassCleanup(cls.node.tear_down)
        cls.other = Node(BUILD, proxmox=True, simulator_options=STORAGES, other_of=cls.node)
        cls.addClassCleanup(cls.other.tear_down)
        cls.nodes = [cls.node, cls.other]
        cls.node.simulator.join(cls.other.simulator)
        for node in cls.nodes:
            node.config["storage"] = {"default": "fast", "guest_storage": "fast"}
            node.write_config()
            node.start()
        cls.stream = EventStream(cls.node)

    def test_z_every_event_was_told_as_the_schema_says(self):
        """The last of all: the stream followed the node through the other tests."""
        told = [event for event in self.stream.end_at_head(self) if event["type"] == "drover.container.migrated"]
        self.assertTrue(told)
        for event in told:
            self.assertEqual(event["data"]["to"], "other")

    def run_guest(self, name, *words):
        self.node.drover("run", "--runtime", "pve-lxc", "--name", name, "--image", "local:vztmpl/busybox.tar.gz",
                         "--network", "none", *words)
        return self.node.inspect(name)

    def guest_file(self, node, vmid):
        return node.simulator.folder / "guests" / f"{vmid}.json"

    def expect_only_at(self, node, vmid):
        """No other node has the guest, or a volume of it."""
        for one in self.nodes:
            self.assertEqual(self.guest_file(one, vmid).exists(), one is node)
            for storage in ("fast", "slow"):
                self.assertTrue(one is node or not (one.simulator.folder / storage / "images" / str(vmid)).exists())

    @staticmethod
    def move_by_hand(source, target, vmid):
        for file in (f"guests/{vmid}.json", f"fast/images/{vmid}"):
            os.rename(source.simulator.folder / file, target.simulator.folder / file)

    def put(self, name, text):
        whole = self.node.simulator.folder / f"{name}.new"
        whole.write_text(text)
        whole.rename(self.node.simulator.folder / name)

    def told_of(self, name):
        client = Client(self.node)
        kinds = [event["type"].removeprefix("drover.container.") for event in client.all_events()
                 if event["subject"] == name and event["type"].startswith("drover.container.")]
        client.close()
        return kinds

    def test_one_that_runs_moves_with_all_it_has_and_is_adopted_there(self):
        drover = self.node.drover
        before = self.run_guest("web", "--volume", "data:/data:64M", "-m", "64M", "--restart", "always", "--label", "role=web")
        drover("exec", "web", "sh", "-c", "echo kept >/data/note; sync")
        refused = drover("migrate", "web", "--to", "other", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no container moves while it runs", refused.stderr)
        self.assertEqual(self.node.inspect("web")["status"], "running")
        moved = drover("migrate", "web", "--to", "other", "--restart", "--grace", "5")
        self.assertIn("web is on node other now", moved.stderr)
        self.expect_only_at(self.other, before["vmid"])
        self.assertEqual(self.told_of("web")[-4:], ["stopping", "stopped", "migrated", "gone"])
        self.assertNotIn("web", self.node.names())
        self.assertNotIn("web", drover("leaks").stdout)
        drop_in = f"units/pve-container@{before['vmid']}.service.d"
        self.assertFalse((self.node.simulator.folder / drop_in).exists())
        self.assertFalse((self.node.work / "state/containers/web").exists())
        adopt = [BUILD / "agent/cli/drover", "--bus", self.other.bus, "adopt", "web", "--file", "/dev/stdin"]
        subprocess.run(adopt, input=moved.stdout, text=True, check=True, stdout=subprocess.DEVNULL)
        after = self.other.inspect("web")
        self.assertEqual((after["status"], after["vmid"], after["spec"]),
                         ("running", before["vmid"], {**before["spec"], "hostname": "web"}))
        self.assertTrue((self.other.simulator.folder / drop_in / "drover.conf").exists())
        self.assertEqual(self.other.drover("exec", "web", "cat", "/data/note").stdout, "kept\n")

        self.other.drover("rm", "--force", "web")
        self.expect_only_at(None, before["vmid"])

    def test_one_that_an_admin_has_moved_meanwhile_is_let_go(self):
        vmid = self.run_guest("moved")["vmid"]
        self.node.drover("stop", "moved")
        self.move_by_hand(self.node, self.other, vmid)
        # Once a new one was made, of the same name and address, with empty disks.
        self.assertIn("is on node other now", self.node.drover("start", "moved", check=False).stderr)
        self.assertEqual(list((self.node.simulator.folder / "guests").iterdir()), [])
        self.node.drover("migrate", "moved", "--to", "other")
        self.assertNotIn("moved", self.node.names())
        self.other.drover("adopt", "moved")
        self.other.drover("rm", "moved")
        self.expect_only_at(None, vmid)

    def test_one_that_comes_back_is_adopted_where_its_job_is_known(self):
        drover = self.node.drover
        vmid = self.run_guest("returns")["vmid"]
        drover("stop", "returns")
        drover("migrate", "returns", "--to", "other")
        self.move_by_hand(self.other, self.node, vmid)
        # Once it was taken for what a failed job had left, and destroyed ten minutes later.
        self.node.end()
        self.node.start()
        until = time.monotonic() + 30
        while not (leaks := [leak for leak in json.loads(drover("leaks", "--json").stdout) if leak["container"] == "returns"]):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        self.assertEqual([(leak["kind"], leak["collect_at"]) for leak in leaks], [("container", None)])
        self.assertIn("has left this node, and its guest has come back", leaks[0]["message"])
        drover("adopt", "returns")
        self.assertEqual(self.node.inspect("returns")["status"], "stopped")
        drover("start", "returns")
        drover("rm", "--force", "returns")
        self.expect_only_at(None, vmid)
        self.assertNotIn("returns", drover("leaks").stdout)

    def test_one_at_rest_moves_to_another_storage_with_its_snapshots(self):
        drover = self.node.drover
        vmid = self.run_guest("rests", "--volume", "data:/data:64M")["vmid"]
        drover("stop", "rests")
        drover("snapshot", "create", "rests", "before")
        spec = json.loads(drover("migrate", "rests", "--to", "other", "--quiet").stdout)
        self.assertEqual(spec["volumes"][0]["name"], "data")
        self.other.drover("adopt", "rests")
        self.other.drover("snapshot", "rollback", "rests", "before")
        self.other.drover("rm", "rests")
        self.expect_only_at(None, vmid)

        vmid = self.run_guest("slower", "--volume", "data:/data:64M")["vmid"]
        drover("migrate", "slower", "--to", "other", "--restart", "--storage", "slow")
        self.other.drover("adopt", "slower")
        self.assertEqual({volume["storage"] for volume in self.other.inspect("slower")["spec"]["volumes"]}, {"slow"})
        self.other.drover("rm", "--force", "slower")
        self.expect_only_at(None, vmid)

    def test_what_cannot_move_stays_as_it_was_and_says_why(self):
        drover = self.node.drover
        vmid = self.run_guest("stays")["vmid"]
        drover("run", "--runtime", "runc", "--name", "bound", "--", "sleep", "1000")

        def refusal(*words):
            done = drover("migrate", *words, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            return done.stderr

        self.assertIn("only guests of Proxmox", refusal("bound", "--to", "other"))
        self.assertIn("no such container", refusal("absent", "--to", "other"))
        # Once the undo took it for one that has arrived.
        self.assertIn("it is there already", refusal("stays", "--to", "node1"))
        self.assertIn("stays", self.node.names())
        self.assertIn("the cluster has no node nowhere; it has node1, other", refusal("stays", "--to", "nowhere", "--restart"))
        drover("pause", "stays")
        self.assertIn("it is paused", refusal("stays", "--to", "other", "--restart"))
        drover("resume", "stays")
        self.put("ha-guests", f"{vmid}\n")
        self.assertIn(f"ha-manager migrate ct:{vmid} other", refusal("stays", "--to", "other", "--restart"))
        self.put("ha-guests", "")
        self.node.simulator.fault("nospace 1 vzmigrate")
        self.assertIn("No space left on device", refusal("stays", "--to", "other", "--restart"))
        link = self.node.simulator.folder / "nodes/other"
        link.rename(link.with_name("unreachable"))
        self.assertIn("Can't connect to destination address",
                      refusal("stays", "--to", "other", "--restart", "--attempts", "1"))
        link.with_name("unreachable").rename(link)
        self.assertIn("is not available on node", refusal("stays", "--to", "other", "--restart", "--storage", "absent"))
        self.node.await_status("stays", "running")
        self.expect_only_at(self.node, vmid)
        self.assertEqual(drover("exec", "stays", "echo", "here").stdout, "here\n")
        drover("rm", "--force", "stays", "bound")

    def test_one_that_cannot_be_started_there_is_there_all_the_same(self):
        drover = self.node.drover
        drover("run", "--runtime", "pve-lxc", "--name", "lame", "--image", "local:vztmpl/busybox.tar.gz",
               "--network", "eth0=vmbr0,address=10.83.0.212/24")
        vmid = self.node.inspect("lame")["vmid"]
        self.other.simulator.fault("nospace 1 vzstart")
        moved = drover("migrate", "lame", "--to", "other", "--restart")
        self.assertIn("lame is on node other, but: start guest of container lame on other", moved.stderr)
        self.assertIn("No space left on device", moved.stderr)
        self.expect_only_at(self.other, vmid)
        self.other.drover("adopt", "lame")
        self.assertEqual(self.other.inspect("lame")["status"], "stopped")
        self.other.drover("rm", "lame")

    def test_neither_a_restart_of_the_agent_nor_a_cancel_nor_a_lost_answer_breaks_it_off(self):
        drover = self.node.drover
        vmid = self.run_guest("long")["vmid"]
        begun = self.node.begin("migrate", "long", "--to", "other", "--restart")
        task = self.node.simulator.await_task("vzmigrate")
        os.kill(task, signal.SIGSTOP)
        self.node.end(signal.SIGKILL)
        os.kill(task, signal.SIGCONT)
        self.node.start()
        printed, complaints = begun.communicate(timeout=60)
        self.assertEqual(begun.returncode, 0, complaints)
        self.assertEqual(json.loads(printed)["runtime"], "pve-lxc")
        self.expect_only_at(self.other, vmid)
        self.other.drover("adopt", "long")
        self.other.drover("rm", "--force", "long")

        vmid = self.run_guest("wanted")["vmid"]
        begun = self.node.begin("migrate", "wanted", "--to", "other", "--restart")
        task = self.node.simulator.await_task("vzmigrate")
        os.kill(task, signal.SIGSTOP)
        newest = json.loads(drover("jobs", "--json", "-n", "1").stdout)[0]
        self.assertEqual((newest["verb"], newest["target"]), ("container.migrate", "wanted"))
        drover("cancel", newest["id"])
        os.kill(task, signal.SIGCONT)
        begun.communicate(timeout=60)
        self.expect_only_at(self.other, vmid)
        self.assertNotIn("wanted", self.node.names())
        self.other.drover("adopt", "wanted")
        self.assertEqual(self.other.inspect("wanted")["status"], "running")
        self.other.drover("rm", "--force", "wanted")

        vmid = self.run_guest("unheard")["vmid"]
        self.node.simulator.fault(f"lost 1 POST /nodes/node1/lxc/{vmid}/migrate")
        drover("migrate", "unheard", "--to", "other", "--restart")
        self.assertEqual(self.node.simulator.faults_left(), [])
        self.expect_only_at(self.other, vmid)
        self.other.drover("adopt", "unheard")
        self.other.drover("rm", "--force", "unheard")


if __name__ == "__main__":
    unittest.main(verbosity=2)
