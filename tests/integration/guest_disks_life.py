#!/usr/bin/python3
"""Disks of guests of Proxmox: how they grow, and guests that are made with copies of another's.

guest_disks_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import concurrent.futures
import unittest

import guest_node


class GuestDisksLife(guest_node.GuestNode):
    kinds = ["updated", "gone"]

    def test_disks_grow_and_never_shrink(self):
        drover = self.node.drover
        drover("create", "--runtime", "pve-lxc", "--name", "small", "--image", "local:vztmpl/busybox.tar.gz", "--network",
               "none", "--disk", "64M", "--volume", "data:/data:16M")
        self.assertEqual(drover("update", "small", "--disk", "96M", "--volume", "data:32M").stdout, "small\n")
        seen, config = self.node.inspect("small"), self.config("small")
        self.assertEqual(seen["spec"]["resources"]["disk_mib"], 96)
        self.assertEqual(seen["spec"]["volumes"][0]["size_mib"], 32)
        self.assertIn("size=96M", config["rootfs"])
        self.assertIn("size=32M", config["mp0"])
        drover("start", "small")
        sizes = drover("exec", "small", "sh", "-c", "df -m / /data | tail -n +2 | awk '{print $2}'").stdout.split()
        self.assertTrue(64 < int(sizes[0]) <= 96 and 16 < int(sizes[1]) <= 32, sizes)

        refused = drover("update", "small", "--disk", "80M", check=False)
        self.assertIn("the root disk has 96 MiB, and disks only grow", refused.stderr)
        self.assertIn("no volume date", drover("update", "small", "--volume", "date:1G", check=False).stderr)
        # While it runs the kernel grows a file system for those with CAP_SYS_RESOURCE only, which a test may lack.
        grown = drover("update", "small", "--volume", "data:64M", check=False)
        self.assertEqual(self.node.inspect("small")["spec"]["volumes"][0]["size_mib"], 64)
        if grown.returncode != 0:
            self.assertIn("could not grow its file system", grown.stderr)
        else:
            now = drover("exec", "small", "sh", "-c", "df -m /data | tail -n 1 | awk '{print $2}'").stdout
            self.assertGreater(int(now), 32)
        drover("rm", "--force", "small")

    def test_a_container_is_copied_with_its_volumes(self):
        drover = self.node.drover
        self.run_guest("first", "-m", "64M", "--volume", "data:/data:64M", network="eth0=vmbr0,address=10.83.0.220/24")
        drover("exec", "first", "mkdir", "-p", "/root")
        self.write("first", "then")
        copy = ("run", "--runtime", "pve-lxc", "--image")
        refused = drover(*copy, "container:first", "--name", "second", check=False)
        self.assertIn("from a snapshot only", refused.stderr)
        self.assertEqual(self.node.names(), ["first"])
        drover("snapshot", "create", "first", "one")
        self.write("first", "now")
        drover(*copy, "container:first@one", "--name", "second", "--hostname", "two", "--network",
               "eth0=vmbr0,address=10.83.0.221/24")
        drover("stop", "first")
        drover(*copy, "container:first", "--name", "third", "-m", "96M", "--network", "none")
        self.assertEqual(self.read("second"), ["then", "then"])
        self.assertEqual(self.read("third"), ["now", "now"])
        self.assertEqual(self.config("second")["hostname"], "two")
        first, second, third = (self.node.inspect(name) for name in ("first", "second", "third"))
        self.assertEqual([seen["spec"]["resources"]["memory_mib"] for seen in (first, second, third)], [64, 64, 96])
        self.assertEqual(second["volumes"][0]["target"], "/data")
        self.assertNotEqual(second["volumes"][0]["id"], first["volumes"][0]["id"])
        self.assertNotEqual(second["networks"][0]["mac"], first["networks"][0]["mac"])
        self.assertEqual(second["networks"][0]["address"], "10.83.0.221/24")
        self.assertNotIn("snapshots", second)
        self.assertNotIn("lock", self.config("first"))
        # Proxmox keeps the source locked meanwhile: one after the other.
        with concurrent.futures.ThreadPoolExecutor() as both:
            ended = both.map(lambda name: drover(*copy, "container:first", "--name", name, "--network", "none"), ["a", "b"])
            self.assertEqual([one.returncode for one in ended], [0, 0])
        drover("rm", "--force", "first", "third", "a", "b")
        self.assertEqual(self.read("second"), ["then", "then"])
        drover("rm", "--force", "second")
        self.assertIn("this node has none of that name", drover(*copy, "container:first", "--name", "x", check=False).stderr)
        self.assertIn("has the volumes of that one",
                      drover(*copy, "container:first", "--name", "x", "--volume", "a:/a:9M", check=False).stderr)
        self.assertEqual(self.node.names(), [])

    def test_a_restart_of_the_agent_breaks_off_no_copy(self):
        drover = self.node.drover
        self.run_guest("much", "--volume", "data:/data:64M")
        drover("exec", "much", "dd", "if=/dev/urandom", "of=/data/much", "bs=1M", "count=48")
        drover("stop", "much")
        self.outlive("vzclone", "run", "--runtime", "pve-lxc", "--name", "copy", "--image", "container:much", "--network", "none")
        self.assertEqual(drover("exec", "copy", "ls", "/data/much").stdout.strip(), "/data/much")
        self.assertNotIn("description", self.config("copy"))
        drover("rm", "--force", "much", "copy")


if __name__ == "__main__":
    unittest.main(verbosity=2)
