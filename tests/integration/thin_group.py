"""A group of LVM with a thin pool for a whole node, by tests/fakes/lvm.py: a kernel with device-mapper is not everywhere."""

import atexit
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from simulator import TOP

GROUP, POOL = "drover-test", "data"


class ThinGroup:
    """In the environment of what is started from here on; gone with the test."""

    def __init__(self):
        self.folder = folder = pathlib.Path(tempfile.mkdtemp(prefix="drover-thin-"))
        atexit.register(self.tear_down)
        for name in ("files", "devices", "programs"):
            (folder / name).mkdir()
        for program in ("lvs", "lvcreate", "lvchange", "lvextend", "lvremove"):
            (folder / "programs" / program).symlink_to(TOP / "tests/fakes/lvm.py")
        (folder / "group.json").write_text(json.dumps({"group": GROUP, "pool": POOL, "volumes": {}}))
        os.environ["PATH"] = f"{folder}/programs:{os.environ['PATH']}"
        os.environ["DROVER_TEST_LVM"] = str(folder)

    def volumes(self):
        """All there is, also of what was taken away in part only."""
        return [str(path) for name in ("files", "devices") for path in (self.folder / name).iterdir()]

    def tear_down(self):
        for device in (self.folder / "devices").iterdir():
            subprocess.run(["losetup", "--detach", device.resolve()], check=False)
        shutil.rmtree(self.folder)
