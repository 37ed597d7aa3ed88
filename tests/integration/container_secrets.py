"""Secrets of containers, as tests of a test case that has a whole node, `node`."""

import hashlib
import os
import pathlib
import subprocess
import time

from whole_node import SERVE


class ContainerSecrets:
    def secret(self, *words, value=b"", **more):
        return subprocess.run([self.node.build / "agent/cli/drover", "secret", *words, "--config", self.node.work / "droverd.json"],
                              input=value, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, **more)

    def test_secrets_are_in_memory_of_the_container_and_nowhere_else(self):
        drover = self.node.drover
        values = [os.urandom(24).hex().encode() for _ in range(2)]
        look = ("busybox stat -c '%u %g %a' /run/secrets/key /etc/key; grep -c ' /etc/key tmpfs ro,.*noexec' /proc/mounts;"
                "(echo x >/run/secrets/key) 2>/dev/null || echo read-only")
        for runtime in ("runc", "crun", "lxc"):
            with self.subTest(runtime=runtime):
                name = f"secret-{runtime}"
                self.secret("create", "key", value=values[0])
                drover("run", "--runtime", runtime, "--name", name, "--label", "team=web", "--secret", "key", "--secret",
                       "key,target=/etc/key,uid=7,gid=8,mode=400", "--", "sh", "-c",
                       f"{look}; busybox sha256sum /run/secrets/key; {SERVE % 0}")
                self.await_secret_in(name, values[0])
                self.assertEqual(os.listdir(self.node.work / "run/secrets"), [])
                self.assertNotIn("drover-secrets", pathlib.Path("/proc/self/mounts").read_text())
                # Made anew at each start, and missing it does not come up.
                self.secret("create", "key", "--replace", value=values[1])
                drover("restart", name)
                self.await_secret_in(name, values[1])
                self.secret("rm", "key")
                drover("stop", name)
                self.assertIn("no secret key", drover("start", name, check=False).stderr)
                log = drover("logs", name).stdout
                self.assertEqual(log.count("0 0 444\n7 8 400\n1\nread-only\n"), 2, log)
                refused = drover("run", "--runtime", runtime, "--secret", "key", "--", "true", check=False)
                self.assertIn("no secret key", refused.stderr)
                explained = drover("explain", "any", "--runtime", runtime, "--secret", "key", check=False)
                self.assertEqual(explained.returncode, 1, explained.stderr)
                self.assertIn("secrets/0: secrets: this node has no secret key", explained.stdout)
                told = drover("inspect", "--json", name).stdout + drover("events", "--json").stdout
                for value in values:
                    self.assertNotIn(value.decode(), told)
                    self.assertEqual(self.files_with(value), [])
                drover("rm", "--force", name)

    def await_secret_in(self, name, value):
        """Until it has printed that it has this one; then no process of the machine is told it."""
        digest = hashlib.sha256(value).hexdigest()
        until = time.monotonic() + 30
        while digest not in self.node.drover("logs", name).stdout:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            for file in ("cmdline", "environ"):
                try:
                    self.assertNotIn(value, (process / file).read_bytes())
                except OSError:
                    continue  # it has ended, or is the kernel's

    def files_with(self, value):
        """Of all that the node has written, and that the journal's own files hold."""
        return [file for file in self.node.work.rglob("*")
                if file.is_file() and not file.is_symlink() and value in file.read_bytes()]
