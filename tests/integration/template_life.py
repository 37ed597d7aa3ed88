#!/usr/bin/python3
"""Templates of Proxmox on a whole node: pulled from a real registry, and guests made of them with programs of their own.

template_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

from registry import Registry
from whole_node import TOP, Client, Node

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
TEMPLATE = "local:vztmpl/app_1.0.tar"


class TemplateLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The simulator's first: its namespace has no loopback before.
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.end)
        os.environ["HOME"] = str(cls.registry.folder)
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        subprocess.run([TOP / "packaging/busybox-image", cls.node.work / "image"], check=True, stdout=subprocess.DEVNULL)
        cls.registry.add("demo/app:1.0", cls.node.work / "image", "--config.entrypoint", "/bin/sh", "--config.entrypoint",
                         "-c", "--config.cmd", 'echo "$KEPT" >/tmp/said; exec sleep 1000', "--config.env", "KEPT=from the image",
                         "--config.env", "GREETING=the image's", "--config.user", "65534:65534", "--config.workingdir", "/var")
        cls.node.drover("image", "pull", TEMPLATE, "--from", f"docker://{cls.registry.host}/demo/app:1.0")

    def said(self, name):
        """What its program has written, which is a moment after its start."""
        deadline = time.monotonic() + 10
        while True:
            done = self.node.drover("exec", name, "--", "cat", "/tmp/said", check=False)
            if done.stdout.endswith("\n") or time.monotonic() > deadline:
                return done.stdout or done.stderr

    def run_app(self, name, *words):
        self.node.drover("run", "--runtime", "pve-lxc", "--name", name, "--image", TEMPLATE, "--network", "none", *words)
        self.addCleanup(self.node.drover, "rm", "--force", name)

    def test_what_was_pulled_is_listed_and_pulled_once(self):
        (seen,) = [row for row in json.loads(self.node.drover("image", "ls", "--json").stdout) if row["name"] == TEMPLATE]
        self.assertRegex(seen["digest"], "^sha256:[0-9a-f]{64}$")
        self.assertGreater(seen["bytes"], 100_000)
        again = self.node.drover("image", "pull", TEMPLATE, "--from", f"docker://{self.registry.host}/demo/app:1.0")
        self.assertIn("was there already", again.stderr)
        missing = self.node.drover("image", "pull", "local:vztmpl/no.tar", "--from",
                                   f"docker://{self.registry.host}/demo/no:1", check=False)
        self.assertIn("ociregistrypull", missing.stderr)

    def test_a_guest_runs_what_its_image_says(self):
        self.run_app("plain")
        self.assertEqual(self.said("plain"), "from the image\n")

    def test_a_guest_runs_what_its_job_says_as_its_images_user(self):
        script = 'echo "$GREETING|$KEPT|$1|$2|$(id -u)|$PWD" >/tmp/said; exec sleep 1000'
        self.run_app("own", "--env", "GREETING=hello world", "--", "/bin/sh", "-c", script, "x", "it's", "two words")
        self.assertEqual(self.said("own"), "hello world|from the image|it's|two words|65534|/var\n")
        # After another start, too.
        self.node.drover("restart", "own", "--grace", "1")
        self.assertEqual(self.said("own"), "hello world|from the image|it's|two words|65534|/var\n")

    def test_an_agent_that_ends_before_the_program_is_set_sets_it_all_the_same(self):
        crash = self.node.work / "crash"
        crash.mkdir()
        (crash / "at").write_text("guest before its program")
        self.node.end()
        self.node.start(DROVER_CRASH=str(crash))
        job = {"id": "cut-off", "verb": "container.run", "target": "cut-off",
               "spec": {"runtime": "pve-lxc", "image": TEMPLATE, "networks": [], "env": {"KEPT": "set"}}}
        client = Client(self.node)
        client.submit(job)
        self.node.agent.wait(30)
        (crash / "at").unlink()
        self.node.start()
        self.addCleanup(self.node.drover, "rm", "--force", "cut-off")
        self.assertEqual(client.await_end("cut-off")["state"], "succeeded")
        client.close()
        self.assertEqual(self.said("cut-off"), "set\n")
        self.assertEqual(len(list((self.node.simulator.folder / "guests").iterdir())), 1)

    def test_what_a_guest_cannot_be_told_is_refused_by_name(self):
        for field, words in {"user": ["--user", "1000"], "cwd": ["--workdir", "/srv"]}.items():
            with self.subTest(field):
                done = self.node.drover("run", "--runtime", "pve-lxc", "--name", "no", "--image", TEMPLATE, *words, check=False)
                self.assertIn(f"pve-lxc, {field}:", done.stderr)
        init = self.node.drover("run", "--runtime", "pve-lxc", "--name", "no", "--image", "local:vztmpl/busybox.tar.gz", "--",
                                "sh", check=False)
        self.assertIn("only one of an OCI archive", init.stderr)

    def test_a_template_goes_and_its_guests_stay(self):
        other = "local:vztmpl/other.tar"
        self.node.drover("image", "pull", other, "--from", f"docker://{self.registry.host}/demo/app:1.0")
        self.node.drover("run", "--runtime", "pve-lxc", "--name", "stays", "--image", other, "--network", "none")
        self.addCleanup(self.node.drover, "rm", "--force", "stays")
        self.node.drover("image", "rm", other)
        self.assertEqual(self.said("stays"), "from the image\n")
        self.assertNotIn(other, self.node.drover("image", "ls", "--quiet").stdout)
        self.assertFalse((self.node.simulator.folder / "local/template/cache/other.tar").exists())
        busybox = self.node.drover("image", "rm", "local:vztmpl/busybox.tar.gz", check=False)
        self.assertIn("has pulled no such template", busybox.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
