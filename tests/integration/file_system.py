"""The disk of a measured node."""

import contextlib
import pathlib
import tempfile

from simulator import sh


@contextlib.contextmanager
def file_system(folder):
    """An ext4 of its own on the disk of that folder, with a journal as everybody's: without one it keeps from taking a deleted
    file's inode for seconds, and looks for another."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as made:
        image = pathlib.Path(made, "image")
        with image.open("wb") as file:
            file.truncate(8 << 30)
        sh("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
        disk = pathlib.Path(made, "disk")
        disk.mkdir()
        sh("mount", "-o", "loop", str(image), str(disk))
        try:
            yield disk
        finally:
            sh("umount", str(disk))
