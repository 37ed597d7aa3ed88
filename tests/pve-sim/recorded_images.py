"""The recordings of images of a registry: how they are pulled, and what guests made of them run."""

import os
import pathlib
import subprocess
import tempfile
import time

from recorded_node import RecordedNode
from registry import Registry
from whole_node import TOP

APP = """#!/bin/sh
trap "exit 0" INT
while :; do sleep 0.1; done
"""
CONFIG = {"entrypoint": ["/bin/app", "serve"], "cmd": ["--port", "8080", "with space"],
          "env": ["PATH=/bin:/sbin", "APP_MODE=prod", "GREETING=hello world"],
          "user": ["1000:1000"], "workingdir": ["/srv"], "stopsignal": ["SIGINT"]}


class Images(RecordedNode):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.end)
        # skopeo reads there that it may ask without TLS.
        home = os.environ["HOME"]
        cls.addClassCleanup(os.environ.update, HOME=home)
        os.environ["HOME"] = str(cls.registry.folder)
        with tempfile.TemporaryDirectory(dir=cls.work) as folder:
            layout = pathlib.Path(folder) / "image"
            subprocess.run([TOP / "packaging/busybox-image", layout], check=True, stdout=subprocess.DEVNULL)
            program = pathlib.Path(folder) / "app"
            program.write_text(APP)
            program.chmod(0o755)
            working_folder = pathlib.Path(folder) / "srv"
            working_folder.mkdir()
            for source, target in ((program, "/bin/app"), (working_folder, "/srv")):
                subprocess.run(["umoci", "insert", "--image", f"{layout}:busybox", source, target], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            words = [word for key, values in CONFIG.items() for value in values for word in (f"--config.{key}", value)]
            cls.registry.add("demo/app:1.0", layout, "--clear", "config.env", *words)

    def setUp(self):
        super().setUp()
        self.here["localhost:5000"] = self.registry.host

    def pull(self):
        self.do("POST", "/storage/local/oci-registry-pull", reference=f"{self.registry.host}/demo/app:1.0")

    def test_what_is_pulled_of_a_registry(self):
        self.replay("oci-01-query-tags")
        self.pull()
        self.replay("oci-03-registry-pull-again", "oci-04-registry-pull-bad-reference-400")
        missing = self.replay("oci-05-registry-pull-missing-image")
        self.assertRegex(self.end_of(missing), "skopeo .* failed: exit code 1")
        self.replay("oci-06-content-list")

    def test_a_guest_of_an_image(self):
        self.pull()
        self.assertEqual(self.end_of(self.replay("oci-07-create-ct")), "OK")
        self.replay("oci-08-config")
        self.assertEqual(self.end_of(self.replay("oci-09-start")), "OK")
        self.replay("oci-10-status")
        self.await_address()
        self.replay("oci-11-interfaces")
        self.assertEqual(self.end_of(self.replay("oci-12-shutdown")), "OK")
        self.replay("oci-13-env-set", "oci-14-config", "oci-15-env-bad")

    def await_address(self):
        """The kernel gives an interface its own one a moment after it is up."""
        until = time.monotonic() + 30
        while not all("inet6" in row for row in self.ask("GET", "/nodes/pve1/lxc/110/interfaces")):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)

    def test_what_is_given_for_a_new_guest_is_the_images_all_the_same(self):
        self.pull()
        self.assertEqual(self.end_of(self.replay("oci-16-create-with-entrypoint-env")), "OK")
        self.replay("oci-17-config-111")
        self.assertEqual(self.end_of(self.replay("oci-18-delete")), "OK")
