"""A registry of images for tests."""

import os
import pathlib
import re
import subprocess
import tempfile
import time


class Registry:
    """Debian's docker-registry on loopback, without TLS: skopeo reads below $HOME that it may."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drover-registry-"))
        config = self.folder / "config.yml"
        config.write_text('version: 0.1\nlog: {level: info}\nhttp: {addr: "127.0.0.1:0"}\n'
                          f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}}}\n")
        log = self.folder / "log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=output, stderr=output)
        deadline = time.monotonic() + 20
        while not (port := re.search(r"listening on (127.0.0.1:\d+)", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        self.host = port[1]
        settings = self.folder / ".config/containers"
        settings.mkdir(parents=True)
        (settings / "registries.conf").write_text(f'[[registry]]\nlocation = "{self.host}"\ninsecure = true\n')

    def add(self, name, layout, *config):
        subprocess.run(["umoci", "config", "--image", f"{layout}:busybox", "--tag", "changed", *config], check=True)
        subprocess.run(["skopeo", "copy", "--quiet", f"oci:{layout}:changed", f"docker://{self.host}/{name}"], check=True,
                       env={**os.environ, "HOME": str(self.folder)})

    def end(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["rm", "-rf", self.folder], check=True)
