#!/usr/bin/python3
"""What a purge of the package takes away of guests' units: Drover's drop-ins and nobody else's.

postrm_drop_ins.py POSTRM; only its function remove_drop_ins is run, on a folder made here.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

POSTRM = pathlib.Path(sys.argv.pop())
OURS = "# Drover: container web-1 of job j1\n[Service]\n"


class DropIns(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.units = pathlib.Path(folder.name)

    def write(self, vmid, name, text):
        file = self.units / f"pve-container@{vmid}.service.d" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def test_only_those_that_say_so_go(self):
        ours = [self.write(101, "drover.conf", OURS), self.write(102, "drover.conf.new", OURS),
                self.write(103, "drover.conf.new", ""), self.write(104, "drover.conf", OURS)]
        theirs = [self.write(104, "admin.conf", "[Service]\n"), self.write(105, "drover.conf", "[Service]\n" + OURS),
                  self.write(106, "drover.conf", ""), self.write(107, "drover.conf.new", "[Service]\n")]
        function = re.search(r"^remove_drop_ins\(\) \{.*?^\}", POSTRM.read_text(), re.MULTILINE | re.DOTALL).group()
        subprocess.run(["/bin/sh", "-ec", f"{function}\nremove_drop_ins {self.units}"], check=True)
        self.assertEqual([file for file in ours if file.exists()], [])
        self.assertEqual([file for file in theirs if not file.exists()], [])
        self.assertEqual({folder.name for folder in self.units.iterdir()},
                         {f"pve-container@{vmid}.service.d" for vmid in (104, 105, 106, 107)})


if __name__ == "__main__":
    unittest.main(verbosity=2)
