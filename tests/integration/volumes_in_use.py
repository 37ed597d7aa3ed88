"""Volumes that grow, and subvolumes that are copied, under containers that run: a part of things_life.py."""

import json
import os
import pathlib
import subprocess

from whole_node import SERVE

RUNTIMES = ["runc", "crun", "lxc"]
# Of root; some machines of tests keep it from it.
CAP_SYS_RESOURCE = 24
MAY_RESIZE_EXT4 = int(pathlib.Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16) >> CAP_SYS_RESOURCE & 1


class VolumesInUse:
    def mib_seen(self, name, target="/data"):
        """How large the file system there is to a program inside."""
        return int(self.node.drover("exec", name, "--", "df", "-m", target).stdout.split("\n")[-2].split()[1])

    def test_a_volume_grows_under_running_programs(self):
        """With xfs: ext4 grows so only where root may do all that it may."""
        drover = self.node.drover
        self.assertIn("300 MiB", drover("volume", "create", "fast", "--storage", "local-xfs", "--size", "64M",
                                        check=False).stderr)
        drover("volume", "create", "fast", "--storage", "local-xfs", "--size", "300M")
        # What one with users of its own sees is a mount of its own of the volume.
        for size, runtime, more in ((340, "runc", []), (380, "crun", ["--userns", "auto"]), (420, "lxc", [])):
            with self.subTest(runtime=runtime):
                name = f"fast-{runtime}"
                drover("run", "--runtime", runtime, *more, "--name", name, "--mount", "fast:/data",
                       "--volume", "own:/own:300M:local-xfs", "--", "sh", "-c",
                       f"exec 3>/data/open 4>/own/open; {SERVE % 0}")
                pid = self.node.await_status(name, "running")["pid"]
                before, before_own = self.mib_seen(name), self.mib_seen(name, "/own")
                drover("volume", "resize", "fast", f"{size}M")
                self.assertGreater(self.mib_seen(name), before + 20)
                # One that goes with its container, which the words for a guest's volumes grow.
                drover("update", name, "--volume", "own:340M")
                self.assertGreater(self.mib_seen(name, "/own"), before_own + 20)
                sizes = {volume["name"]: volume.get("size_mib") for volume in self.node.inspect(name)["spec"]["volumes"]}
                self.assertEqual(sizes["own"], 340)
                self.assertIn("disks only grow", drover("update", name, "--volume", "own:310M", check=False).stderr)
                self.assertEqual(self.node.await_status(name, "running")["pid"], pid)
                drover("rm", "--force", name)
        drover("volume", "rm", "fast")

    def test_a_subvolume_is_copied_and_grows_while_it_is_written_to(self):
        drover = self.node.drover
        volumes = self.node.work / "state/volumes"
        self.assertIn("does not lie on btrfs", drover("volume", "create", "tree", "--storage", "local-btrfs", "--size", "16M",
                                                      check=False).stderr)
        disk = self.node.work / "btrfs-disk"
        with open(disk, "wb") as file:
            file.truncate(512 << 20)
        volumes.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["mkfs.btrfs", "-q", disk], check=True)
        subprocess.run(["mount", "-o", "loop", disk, volumes], check=True)
        self.addCleanup(subprocess.run, ["umount", volumes], check=True)
        kinds = {row["name"]: row["kind"] for row in json.loads(drover("storage", "ls", "--json").stdout)}
        self.assertEqual(kinds["local-btrfs"], "subvolume")
        drover("volume", "create", "tree", "--storage", "local-btrfs", "--size", "16M")
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"tree-{runtime}"
                drover("run", "--runtime", runtime, "--name", name, "--mount", "tree:/data", "--", "sh", "-c",
                       f"echo {runtime} >>/data/all; exec 3>/data/open; {SERVE % 0}")
                # More than it may have, until it may.
                fill = ("exec", name, "--", "dd", "if=/dev/zero", "of=/data/much", "bs=1M", "count=24", "conv=fsync")
                self.assertIn("quota exceeded", drover(*fill, check=False).stderr.lower())
                drover("exec", name, "--", "rm", "/data/much")
                drover("volume", "snapshot", "tree", f"of-{runtime}")
                drover("volume", "resize", "tree", "64M")
                drover(*fill)
                drover("exec", name, "--", "rm", "/data/much")
                drover("rm", "--force", name)
                drover("volume", "rm", "tree")
                # The copy is the next one.
                drover("run", "--runtime", runtime, "--name", name, "--mount", f"of-{runtime}:/data:ro", "--wait", "--rm",
                       "--", "grep", "-qx", runtime, "/data/all")
                drover("volume", "snapshot", f"of-{runtime}", "tree")
                drover("volume", "rm", f"of-{runtime}")
        drover("volume", "rm", "tree")
        self.assertEqual(os.listdir(volumes), [])
