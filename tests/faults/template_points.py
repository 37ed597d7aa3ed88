#!/usr/bin/python3
"""Ends droverd by SIGKILL at every crash point of image.pull and image.remove of templates of Proxmox.

template_points.py BUILD [--every N --from K] [--cancel], in a mount and a network namespace of its own; as thing_points.py,
whose way it goes. Of a pull that was cancelled nothing stays.
"""

import argparse
import hashlib
import http.server
import pathlib
import sys
import threading

from thing_points import Things
from crash_table import add_sample

TEMPLATE = "local:vztmpl/app.tar.gz"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments, folder, **more):
        super().__init__(*arguments, directory=folder, **more)

    def log_message(self, *_):
        pass


class Templates(Things):
    def __init__(self, chosen):
        super().__init__(chosen)
        self.cache = self.node.simulator.folder / "local/template/cache"
        source = self.node.work / "source"
        source.mkdir()
        (source / "file").write_bytes(bytes(range(256)) * 1024)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a, **k: Quiet(*a, folder=source, **k))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.content = (source / "file").read_bytes()
        upload = ("image.pull", TEMPLATE, {"from": str(source / "file")})
        download = ("image.pull", TEMPLATE, {"from": f"http://127.0.0.1:{server.server_port}/file",
                                             "checksum": "sha256:" + hashlib.sha256(self.content).hexdigest()})
        self.scenarios = [([], upload, {"images": 1}), ([], download, {"images": 1}),
                          ([upload], ("image.remove", TEMPLATE, {}), {})]

    def check(self, job, ended, expected, before):
        wrong = super().check(job, ended, expected, before)
        there = self.cache / TEMPLATE.rsplit("/", 1)[1]
        listed = bool(self.things()["images"])
        if there.exists() != listed:
            wrong.append(f"it is {'' if listed else 'not '}listed, and its file is {'' if there.exists() else 'not '}there")
        if there.exists() and there.read_bytes() != self.content:
            wrong.append("its content is another")
        return wrong

    def clear(self):
        return super().clear() + [path.name for path in self.cache.iterdir() if path.name != "busybox.tar.gz"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.set_defaults(proxmox=True)
    add_sample(arguments)
    table = Templates(arguments.parse_args())
    return table.run(lambda: table.all(None))


if __name__ == "__main__":
    sys.exit(main())
