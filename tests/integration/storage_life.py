#!/usr/bin/python3
"""The storages of a whole node of Proxmox: listed as they come and change, and volumes on each kind of them.

storage_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import pathlib
import ssl
import sys
import time
import unittest
import urllib.parse
import urllib.request

from whole_node import SERVE, Node, sh

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()


class StorageLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.config["reconcile"] = {"every_s": 1}
        cls.node.write_config()
        cls.node.start()
        cls.api = cls.node.simulator.config
        # A file system of its own, as the disk of a second storage.
        cls.pool = cls.node.work / "pool"
        cls.pool.mkdir()
        image = cls.node.work / "pool.img"
        sh("truncate", "-s", "512M", image)
        sh("mkfs.btrfs", "-q", image)
        sh("mount", "-o", "loop", image, cls.pool)
        cls.addClassCleanup(sh, "umount", "-l", cls.pool)

    def ask(self, method, path, /, **form):
        """The data of the API's answer, which must be good."""
        request = urllib.request.Request(
            self.api["url"] + "/api2/json" + path, method=method,
            data=urllib.parse.urlencode(form).encode() if form else None,
            headers={"Authorization": "PVEAPIToken=" + pathlib.Path(self.api["token_file"]).read_text().strip()})
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        with urllib.request.urlopen(request, context=trusting, timeout=30) as answer:
            return json.load(answer)["data"]

    def storages(self):
        return {row["name"]: row for row in json.loads(self.node.drover("storage", "ls", "--json").stdout)}

    def await_storage(self, name, is_so):
        """The storage's row, once `is_so` of it; None where it is not listed."""
        deadline = time.monotonic() + 30
        while not is_so(row := self.storages().get(name)):
            self.assertLess(time.monotonic(), deadline, row)
            time.sleep(0.1)
        return row

    def test_storages_are_listed_as_they_come_and_change(self):
        drover = self.node.drover
        self.assertEqual(self.storages()["local-folder"]["kind"], "folder")
        self.ask("POST", "/storage", storage="changing", type="dir", path=str(self.node.work / "changing"),
                 content="images,rootdir")
        row = self.await_storage("changing", lambda row: row)
        self.assertEqual((row["type"], row["kind"], row["active"], row["sized"], row["grows"], row["snapshots"]),
                         ("dir", "file", True, True, True, False))
        self.assertGreater(row["free"], 0)
        self.assertGreater(row["total"], row["free"])

        self.ask("PUT", "/storage/changing", content="iso,vztmpl")
        self.await_storage("changing", lambda row: row["message"])
        refused = drover("volume", "create", "nowhere", "--size", "16M", "--storage", "changing", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("pvesm set changing --content iso,vztmpl,rootdir", refused.stderr)

        self.ask("PUT", "/storage/changing", content="rootdir", disable=1)
        row = self.await_storage("changing", lambda row: not row["active"] and not row["message"])
        self.assertIsNone(row["free"])

        self.ask("DELETE", "/storage/changing")
        self.await_storage("changing", lambda row: row is None)
        missing = drover("volume", "create", "nowhere", "--size", "16M", "--storage", "changing", check=False)
        self.assertIn("has no storage changing", missing.stderr)
        self.assertNotIn("nowhere", drover("volume", "ls", "--quiet").stdout)

    def test_volumes_live_on_each_kind_of_storage(self):
        drover = self.node.drover
        second = self.node.work / "second"
        self.ask("POST", "/storage", storage="second", type="dir", path=str(second))
        self.ask("POST", "/storage", storage="pool", type="btrfs", path=str(self.pool))
        for storage, folder in (("local", self.node.simulator.folder / "local"), ("second", second), ("pool", self.pool)):
            with self.subTest(storage=storage):
                drover("volume", "create", "data", "--size", "32M", "--storage", storage)
                (row,) = json.loads(drover("volume", "ls", "--json").stdout)
                self.assertEqual((row["storage"], row["size_mib"]), (storage, 32))
                images = list((folder / "images/999000000").iterdir())
                self.assertEqual(len(images), 1)
                self.assertEqual(images[0].is_dir(), storage == "pool")
                name = f"on-{storage}"
                drover("run", "--runtime", "crun", "--name", name, "--mount", "data:/data", "--", "sh", "-c",
                       f"echo {storage} >>/data/all; {SERVE % 0}")
                drover("stop", name)
                drover("volume", "snapshot", "data", "before")
                drover("volume", "resize", "data", "96M")
                drover("start", name)
                told = drover("exec", name, "--", "sh", "-c", "cat /data/all; df -m /data | tail -1").stdout.split()
                self.assertEqual(told[:2], [storage] * 2)
                self.assertGreater(int(told[3]), 80)
                drover("rm", "--force", name)
                seen = drover("run", "--runtime", "crun", "--name", "looks", "--mount", "before:/data:ro", "--wait",
                              "--rm", "--", "cat", "/data/all").stdout.split()
                self.assertEqual(seen, [storage])
                drover("volume", "rm", "data", "before")
                self.assertEqual(list((folder / "images/999000000").iterdir()), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
