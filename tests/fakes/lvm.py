#!/usr/bin/python3 -IS
"""LVM with one group that has a thin pool: lvs, lvcreate, lvchange, lvextend and lvremove, by the name it is called by.

For kernels without device-mapper. $DROVER_TEST_LVM is a folder: "group.json" in it has the state, "files/NAME" is what
a volume holds, "devices/NAME" the device of one that is active, a loop device; "percent", if it stands there, says how
full the pool is. thin_volumes_test runs on LVM's own programs as well, wherever a kernel has device-mapper.
"""

import argparse
import fcntl
import json
import os
import pathlib
import subprocess
import sys

STATE = pathlib.Path(os.environ["DROVER_TEST_LVM"])
EXTENT = 4 << 20


class Refused(Exception):
    """With what LVM says then."""


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def size_of(text):
    assert text.endswith("m"), text
    return -(-(int(text[:-1]) << 20) // EXTENT) * EXTENT


class Group:
    def __init__(self):
        state = json.loads((STATE / "group.json").read_text())
        self.name, self.pool, self.volumes = state["group"], state["pool"], state["volumes"]
        percent = STATE / "percent"
        self.percent = float(percent.read_text()) if percent.exists() else 0

    def write(self):
        new = STATE / "group.json.new"
        new.write_text(json.dumps({"group": self.name, "pool": self.pool, "volumes": self.volumes}))
        new.rename(STATE / "group.json")

    def check(self, group):
        if group != self.name:
            raise Refused(f'Volume group "{group}" not found\n  Cannot process volume group {group}')

    def find(self, place):
        group, _, name = place.partition("/")
        self.check(group)
        if name not in self.volumes:
            raise Refused(f"Failed to find logical volume \"{place}\"")
        return name

    def activate(self, name):
        device = STATE / "devices" / name
        if not device.exists():
            device.symlink_to(run("losetup", "--find", "--show", STATE / "files" / name))

    def deactivate(self, name):
        device = STATE / "devices" / name
        if not device.is_symlink():
            return
        try:
            os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
        except OSError:
            raise Refused(f"Logical volume {self.name}/{name} contains a filesystem in use.") from None
        run("losetup", "--detach", device.resolve())
        device.unlink()

    def copy(self, origin, name):
        """What is mounted is frozen for it, as the kernel does when it suspends a device."""
        device = STATE / "devices" / origin
        mounts = subprocess.run(["findmnt", "--noheadings", "--output", "TARGET", "--source", device.resolve()],
                                stdout=subprocess.PIPE, text=True, check=False).stdout.split() if device.exists() else []
        for mount in mounts[:1]:
            run("fsfreeze", "--freeze", mount)
        try:
            run("cp", "--sparse=always", STATE / "files" / origin, STATE / "files" / name)
        finally:
            for mount in mounts[:1]:
                run("fsfreeze", "--unfreeze", mount)


def lvs(group, words):
    options = argparse.ArgumentParser()
    options.add_argument("--reportformat", choices=["json"], required=True)
    options.add_argument("--units", choices=["b"], required=True)
    options.add_argument("--nosuffix", action="store_true", required=True)
    options.add_argument("--options", required=True)
    options.add_argument("group")
    asked = options.parse_args(words)
    group.check(asked.group)
    rows = [{"lv_name": group.pool, "lv_path": "", "lv_size": str(256 << 20), "lv_attr": "twi-aotz--", "lv_tags": "",
             "data_percent": f"{group.percent:.2f}", "metadata_percent": "10.84"}]
    for name, volume in group.volumes.items():
        active = (STATE / "devices" / name).exists()
        rows.append({"lv_name": name, "lv_path": str(STATE / "devices" / name),
                     "lv_size": str((STATE / "files" / name).stat().st_size), "lv_attr": f"Vwi-{'a' if active else '-'}-tz--",
                     "lv_tags": ",".join(volume["tags"]), "data_percent": "0.00" if active else "", "metadata_percent": ""})
    columns = asked.options.split(",")
    print(json.dumps({"report": [{"lv": [{column: row[column] for column in columns} for row in rows]}]}))


def lvcreate(group, words):
    options = argparse.ArgumentParser()
    options.add_argument("--yes", action="store_true", required=True)
    options.add_argument("--virtualsize", type=size_of)
    options.add_argument("--thinpool")
    options.add_argument("--snapshot", action="store_true")
    options.add_argument("--name", required=True)
    options.add_argument("--addtag", action="append", default=[])
    options.add_argument("--setactivationskip", choices=["n"], required=True)
    options.add_argument("place")
    asked = options.parse_args(words)
    group.check(asked.place.partition("/")[0])
    if asked.name in group.volumes:
        raise Refused(f'Logical Volume "{asked.name}" already exists in volume group "{group.name}"')
    if group.percent >= 100:
        raise Refused(f"Cannot create new thin volume, free space in thin pool {group.name}/{group.pool} reached threshold.")
    if asked.snapshot:
        assert asked.virtualsize is None and asked.thinpool is None, words
        group.copy(group.find(asked.place), asked.name)
    else:
        assert asked.thinpool == group.pool and asked.virtualsize, words
        with open(STATE / "files" / asked.name, "wb") as file:
            file.truncate(asked.virtualsize)
    group.volumes[asked.name] = {"tags": asked.addtag}
    group.activate(asked.name)


def lvchange(group, words):
    options = argparse.ArgumentParser()
    options.add_argument("--activate", choices=["y", "n"], required=True)
    options.add_argument("place")
    asked = options.parse_args(words)
    (group.activate if asked.activate == "y" else group.deactivate)(group.find(asked.place))


def lvextend(group, words):
    options = argparse.ArgumentParser()
    options.add_argument("--size", type=size_of, required=True)
    options.add_argument("place")
    asked = options.parse_args(words)
    name = group.find(asked.place)
    file, device = STATE / "files" / name, STATE / "devices" / name
    if file.stat().st_size >= asked.size:
        raise Refused("New size given is not larger than existing size")
    os.truncate(file, asked.size)
    if device.exists():
        run("losetup", "--set-capacity", device.resolve())


def lvremove(group, words):
    options = argparse.ArgumentParser()
    options.add_argument("--yes", action="store_true", required=True)
    options.add_argument("place")
    asked = options.parse_args(words)
    name = group.find(asked.place)
    group.deactivate(name)
    (STATE / "files" / name).unlink()
    del group.volumes[name]


def main():
    command = {"lvs": lvs, "lvcreate": lvcreate, "lvchange": lvchange, "lvextend": lvextend, "lvremove": lvremove}[
        pathlib.Path(sys.argv[0]).name]
    with open(STATE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        group = Group()
        try:
            command(group, sys.argv[1:])
        except Refused as why:
            print(f"  {why}", file=sys.stderr)
            return 5
        group.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
