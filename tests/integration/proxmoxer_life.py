#!/usr/bin/python3
"""pve-sim by a client of the API that is not ours: what Debian's python3-proxmoxer can do at a node, it can do there.

proxmoxer_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import hashlib
import pathlib
import sys
import tempfile
import time
import unittest

from proxmoxer import ProxmoxAPI
from proxmoxer.backends.https import AuthenticationError
from proxmoxer.core import ResourceException

from simulator import Simulator, sh
from whole_node import make_bridge, make_own_mounts, show_own_interfaces

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()


class ProxmoxerLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="drover-proxmoxer-"))
        make_own_mounts()
        show_own_interfaces()
        make_bridge()
        sh("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(cls.work))
        cls.simulator = Simulator(BUILD, cls.work, cls.work / "image")
        cls.addClassCleanup(sh, "umount", "-l", str(cls.work))
        cls.addClassCleanup(cls.simulator.end)
        cls.address = cls.simulator.config["url"].removeprefix("https://")
        cls.ca = str(cls.simulator.folder / "cert.pem")
        user, secret = (cls.simulator.folder / "token").read_text().strip().split("=")
        cls.user, cls.token_name = user.split("!")
        cls.api = ProxmoxAPI(cls.address, user=cls.user, token_name=cls.token_name, token_value=secret,
                             verify_ssl=cls.ca)
        cls.node = cls.api.nodes("node1")

    def end_of(self, upid):
        until = time.monotonic() + 60
        while (status := self.node.tasks(upid).status.get())["status"] != "stopped":
            self.assertLess(time.monotonic(), until, status)
            time.sleep(0.05)
        return status

    def test_a_guest_is_made_started_stopped_and_destroyed(self):
        vmid = int(self.api.cluster.nextid.get())
        made = self.node.lxc.post(vmid=vmid, ostemplate="local:vztmpl/busybox.tar.gz", hostname="by-proxmoxer",
                                  rootfs="local:1", net0="name=eth0,bridge=vmbr0", unprivileged=1)
        task = self.end_of(made)
        self.assertEqual((task["type"], task["id"], task["user"], task["tokenid"]),
                         ("vzcreate", str(vmid), self.user, self.token_name))
        self.assertEqual(task["exitstatus"], "OK")
        guest = self.node.lxc(vmid)
        self.assertEqual(guest.status.current.get()["status"], "stopped")
        self.assertEqual(self.end_of(guest.status.start.post())["exitstatus"], "OK")
        self.assertEqual(guest.status.current.get()["status"], "running")
        with self.assertRaisesRegex(ResourceException, "already running"):
            guest.status.start.post()
        self.assertEqual(self.end_of(guest.status.stop.post())["exitstatus"], "OK")
        guest.config.put(tags="a;b")
        self.assertEqual(guest.config.get()["tags"], "a;b")
        self.assertEqual(self.end_of(guest.delete())["exitstatus"], "OK")
        self.assertNotIn(vmid, [int(other["vmid"]) for other in self.node.lxc.get()])

    def upload(self, name, content, **more):
        file = self.work / name
        file.write_bytes(content)
        with file.open("rb") as opened:
            return self.end_of(self.node.storage("local").upload.post(content="vztmpl", filename=opened, **more))

    def test_a_template_is_uploaded(self):
        content = (self.simulator.folder / "local/template/cache/busybox.tar.gz").read_bytes()
        self.assertEqual(self.upload("plain.tar.gz", content)["exitstatus"], "OK")
        checksum = {"checksum-algorithm": "sha256", "checksum": hashlib.sha256(content).hexdigest()}
        self.assertEqual(self.upload("checked.tar.gz", content, **checksum)["exitstatus"], "OK")
        checksum["checksum"] = "0" * 64
        self.assertIn("checksum mismatch", self.upload("wrong.tar.gz", content, **checksum)["exitstatus"])
        there = [volume["volid"] for volume in self.node.storage("local").content.get(content="vztmpl")]
        self.assertIn("local:vztmpl/plain.tar.gz", there)
        self.assertIn("local:vztmpl/checked.tar.gz", there)
        self.assertNotIn("local:vztmpl/wrong.tar.gz", there)
        with self.assertRaisesRegex(ResourceException, "400 .*Parameter verification failed"):
            self.upload("picture.png", content)

    def test_volumes(self):
        volid = self.node.storage("local").content.post(vmid=9000, filename="vm-9000-a.raw", size="8M", format="raw")
        self.assertEqual(volid, "local:9000/vm-9000-a.raw")
        content = self.node.storage("local").content
        self.assertIn(volid, [volume["volid"] for volume in content.get(vmid=9000)])
        self.assertEqual(self.end_of(content(volid).delete())["exitstatus"], "OK")
        self.assertEqual(content.get(vmid=9000), [])

    def test_the_log_of_a_task(self):
        upid = self.node.lxc(4242).status.start.post()
        self.assertIn("does not exist", self.end_of(upid)["exitstatus"])
        self.assertIn("TASK ERROR", self.node.tasks(upid).log.get()[-1]["t"])

    def test_a_login_by_password(self):
        password = (self.simulator.folder / "password").read_text().strip()
        api = ProxmoxAPI(self.address, user=self.user, password=password, verify_ssl=self.ca)
        self.assertEqual(api.version.get()["release"], "9.1")
        api.nodes("node1").storage("local").content.post(vmid=9001, filename="vm-9001-a.raw", size="1M", format="raw")
        with self.assertRaises(AuthenticationError):
            ProxmoxAPI(self.address, user=self.user, password="swordfish", verify_ssl=self.ca)

    def test_parameters_that_are_wrong(self):
        with self.assertRaisesRegex(ResourceException, "400 .*Parameter verification failed"):
            self.node.lxc.post(vmid=7, ostemplate="x", nonsense=1)
        with self.assertRaisesRegex(ResourceException, "501 .*not implemented"):
            self.node.nothing.get()
        with self.assertRaisesRegex(ResourceException, "500 .*does not exist"):
            self.node.lxc(4242).config.get()


if __name__ == "__main__":
    # The client leaves its connections to the end of the program.
    unittest.main(verbosity=2, warnings="ignore")
