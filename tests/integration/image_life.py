#!/usr/bin/python3
"""Images of a whole node: of layouts and of a registry, and those that containers are upgraded to.

image_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

from registry import Registry
from whole_node import SERVE, TOP, EventStream, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
RUNTIMES = ["runc", "crun", "lxc"]


class ImageLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.end)
        os.environ["HOME"] = str(cls.registry.folder)
        cls.node = Node(BUILD)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.stream = EventStream(cls.node)

    def test_z_every_event_was_told_as_the_schema_says(self):
        """The last of all: the stream followed the node through the other tests."""
        events = self.stream.end_at_head(self)
        kinds = {event["type"].removeprefix("drover.") for event in events}
        for kind in ["image.pulled", "image.removed", "container.upgraded", "container.reverted"]:
            self.assertIn(kind, kinds)

    def test_images_come_and_go(self):
        layout = self.node.work / "second"
        subprocess.run([TOP / "packaging/busybox-image", layout], check=True, stdout=subprocess.DEVNULL)
        image = f"oci:{layout}:busybox"
        self.node.drover("image", "pull", image)
        self.node.drover("run", "--runtime", "runc", "--name", "of-image", "--image", image, "--", "sh", "-c", SERVE % 0)
        (seen,) = [row for row in json.loads(self.node.drover("image", "ls", "--json").stdout) if row["name"] == image]
        self.assertEqual(seen["containers"], ["of-image"])
        self.assertGreater(seen["bytes"], 100_000)
        used = self.node.drover("image", "rm", image, check=False)
        self.assertEqual(used.returncode, 1)
        self.assertIn("in use by of-image", used.stderr)
        self.node.drover("rm", "--force", "of-image")
        self.node.drover("image", "rm", image)
        self.assertNotIn(image, self.node.drover("image", "ls", "--quiet").stdout)

    def test_images_of_a_registry_run_on_each_runtime(self):
        layout = self.node.work / "pushed"
        subprocess.run([TOP / "packaging/busybox-image", layout], check=True, stdout=subprocess.DEVNULL)
        self.registry.add("team/app:1", layout, "--config.env", "COLOUR=red")
        image = f"docker://{self.registry.host}/team/app:1"
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                done = self.node.drover("run", "--wait", "--rm", "--runtime", runtime, "--image", image, "--", "sh", "-c",
                                        "echo colour $COLOUR; exit 7", check=False)
                self.assertEqual(done.returncode, 7, done.stderr)
                self.assertIn("colour red", done.stdout)
        self.registry.add("team/app:1", layout, "--config.env", "COLOUR=blue")
        self.node.drover("image", "pull", image)
        done = self.node.drover("run", "--wait", "--rm", "--image", image, "--", "sh", "-c", "echo colour $COLOUR")
        self.assertIn("colour blue", done.stdout)
        missing = self.node.drover("image", "pull", image + ".2", check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("look at its name and tag", missing.stderr)
        self.node.drover("run", "--runtime", "runc", "--name", "keeps-its", "--image", image, "--", "sh", "-c", SERVE % 0)
        spare = f"oci:{layout}:busybox"
        self.node.drover("image", "pull", spare)
        gone = self.node.drover("image", "prune").stdout.split()
        self.assertIn(spare, gone)
        self.assertNotIn(image, gone)
        self.node.drover("rm", "--force", "keeps-its")
        self.node.drover("image", "rm", image)

    def test_what_is_pushed_goes_on_where_it_was_and_is_an_image(self):
        layout, archive = self.node.work / "sent", self.node.work / "sent.tar"
        subprocess.run([TOP / "packaging/busybox-image", layout], check=True, stdout=subprocess.DEVNULL)
        (self.node.work / "noise").write_bytes(os.urandom(6 << 20))
        subprocess.run(["umoci", "insert", "--image", f"{layout}:busybox", self.node.work / "noise", "/noise"], check=True)
        subprocess.run(["skopeo", "copy", "--quiet", f"oci:{layout}:busybox", f"oci-archive:{archive}"], check=True)
        crash, uploads = self.node.work / "crash", self.node.work / "state/uploads"
        crash.mkdir()
        (crash / "at").write_text("upload written")
        sizes = []
        for client_ends in [True, False]:
            self.node.end()
            self.node.start(DROVER_CRASH=str(crash))
            client = subprocess.Popen([self.node.build / "agent/cli/drover", "--bus", self.node.bus, "image", "push", "-q",
                                       archive, "team/sent:1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.node.agent.wait(60)
            if client_ends:
                client.kill()
                client.communicate()
            (upload,) = uploads.iterdir()
            sizes.append(upload.stat().st_size)
            self.node.start()
        printed, complaints = client.communicate(timeout=120)
        self.assertEqual((client.returncode, printed), (0, "pushed:team/sent:1\n"), complaints)
        self.assertTrue(0 < sizes[0] < sizes[1] < archive.stat().st_size, sizes)
        self.assertEqual(list(uploads.iterdir()), [])
        image = "pushed:team/sent:1"
        self.assertIn(image, self.node.drover("image", "ls", "--quiet").stdout.split())
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                done = self.node.drover("run", "--wait", "--rm", "--runtime", runtime, "--image", image, "--", "stat", "-c",
                                        "%s", "/noise")
                self.assertEqual(done.stdout.strip(), str(6 << 20))
        none = self.node.drover("image", "push", self.node.work / "noise", check=False)
        self.assertEqual(none.returncode, 1)
        self.assertIn("no archive of an image", none.stderr)
        self.node.drover("image", "rm", image)

    def test_templates_are_roots_on_each_runtime(self):
        drover = self.node.drover
        packed, made = self.node.work / "guest.tar.gz", self.node.work / "guest.tar.zst"
        subprocess.run([TOP / "packaging/busybox-image", self.node.work / "spare", "--template", packed], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["sh", "-c", 'gzip -dc "$0" | zstd -q >"$1"', packed, made], check=True)
        for runtime, file in zip(RUNTIMES, [packed, made, made], strict=True):
            with self.subTest(runtime=runtime):
                done = drover("run", "--wait", "--rm", "--runtime", runtime, "--image", f"template:{file}", "--", "sh", "-c",
                              "head -1 /etc/inittab; exit 7", check=False)
                self.assertEqual(done.returncode, 7, done.stderr)
                self.assertIn("::sysinit:", done.stdout)
        rows = {row["name"]: row for row in json.loads(drover("image", "ls", "--json").stdout)}
        self.assertEqual(rows[f"template:{packed}"]["digest"], rows[f"template:{made}"]["digest"])
        # Its own init, as of a guest.
        drover("run", "--runtime", "lxc", "--name", "whole", "--image", f"template:{made}")
        self.assertEqual(drover("exec", "whole", "--", "cat", "/proc/1/comm").stdout.strip(), "init")
        drover("rm", "--force", "whole")
        wrong = drover("run", "--runtime", "crun", "--image", "local:vztmpl/guest.tar.zst", check=False)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("no section proxmox", wrong.stderr)
        drover("image", "rm", f"template:{packed}", f"template:{made}")

    def test_one_with_users_of_its_own_is_upgraded_and_goes_back(self):
        drover = self.node.drover
        layout = self.node.work / "owned"
        subprocess.run([TOP / "packaging/busybox-image", layout], check=True, stdout=subprocess.DEVNULL)
        for colour in ["red", "blue"]:
            subprocess.run(["umoci", "tag", "--image", f"{layout}:busybox", colour], check=True)
            subprocess.run(["umoci", "config", "--image", f"{layout}:{colour}", "--config.env", f"COLOUR={colour}"], check=True)
        serve = f"echo $COLOUR >>/data/colours; echo $COLOUR >>/colours; {SERVE % 0}"
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"owned-{runtime}"
                drover("run", "--runtime", runtime, "--name", name, "--userns", "auto", "--image", f"oci:{layout}:red",
                       "--volume", "data:/data", "--network", "none", "--", "sh", "-c", serve)
                self.await_colours(name, ["red", "red"])
                users = self.node.inspect(name)["users"]
                drover("upgrade", name, "--image", f"oci:{layout}:blue", "--watch", "0")
                self.await_colours(name, ["red", "blue", "blue"])
                self.assertEqual(self.node.inspect(name)["users"], users)
                self.assertEqual(drover("exec", name, "--", "stat", "-c", "%u", "/bin/busybox", "/colours").stdout.split(),
                                 ["0", "0"])
                drover("upgrade", name, "--rollback", "--watch", "0")
                self.await_colours(name, ["red", "blue", "red", "red", "red"])
                drover("rm", "--force", name)

    def test_an_upgrade_keeps_volumes_and_addresses_and_goes_back(self):
        drover = self.node.drover
        layout = self.node.work / "versions"
        subprocess.run([TOP / "packaging/busybox-image", layout], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["umoci", "new", "--image", f"{layout}:empty"], check=True, stderr=subprocess.DEVNULL)
        image = f"docker://{self.registry.host}/team/web:latest"
        serve = f"echo $COLOUR >>/data/colours; echo $COLOUR >>/colours; {SERVE % 0}"
        drover("network", "ensure", "webs", "--address", "10.85.0.1/24")
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                name = f"web-{runtime}"
                self.registry.add("team/web:latest", layout, "--config.env", "COLOUR=red")
                drover("image", "pull", image)
                drover("run", "--runtime", runtime, "--name", name, "--image", image, "--volume", "data:/data", "--network",
                       "eth0=webs", "--", "sh", "-c", serve)
                self.await_colours(name, ["red", "red"])
                before = self.node.inspect(name)
                self.assertIn("has this image already", drover("upgrade", name, "--image", image).stderr)
                self.registry.add("team/web:latest", layout, "--config.env", "COLOUR=blue")
                drover("upgrade", name, "--image", image, "--watch", "0")
                seen = self.node.inspect(name)
                self.assertEqual([seen[key] for key in ("networks", "volumes", "job")],
                                 [before[key] for key in ("networks", "volumes", "job")])
                self.await_colours(name, ["red", "blue", "blue"])
                broken = drover("upgrade", name, "--image", f"oci:{layout}:empty", "--watch", "1", check=False)
                self.assertEqual(broken.returncode, 1)
                self.assertIn("it goes back to", broken.stderr)
                self.await_colours(name, ["red", "blue", "blue", "blue", "blue"])
                drover("upgrade", name, "--rollback", "--watch", "0")
                self.await_colours(name, ["red", "blue", "blue", "red", "red", "red"])
                drover("rm", "--force", name)
        drover("network", "rm", "webs")
        drover("image", "rm", image, f"oci:{layout}:empty")

    def await_colours(self, name, expected):
        """Those that its program has written to its volume and to its root, once it has come to it."""
        seen, until = None, time.monotonic() + 20
        while seen != expected and time.monotonic() < until:
            seen = self.node.drover("exec", name, "--", "cat", "/data/colours", "/colours", check=False).stdout.split()
        self.assertEqual(seen, expected)


if __name__ == "__main__":
    unittest.main(verbosity=2)
