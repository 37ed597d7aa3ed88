"""What containers leave behind on a node, seen from outside: by the kernel, the folders and Proxmox."""

import json
import os
import pathlib
import re
import subprocess
import time


def _files(folder):
    return [str(path) for path in pathlib.Path(folder).rglob("*") if not path.is_dir()] if folder.exists() else []


def _entries(folder):
    return [str(path) for path in folder.iterdir()] if folder.exists() else []


def _mounts(below):
    with open("/proc/self/mountinfo") as table:
        points = [line.split()[4] for line in table]
    return [point for point in points if point.startswith(f"{below}/")]


def _processes(folder):
    """Those whose command line names a path below the folder, but for the node's own."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            words = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        program = os.path.basename(words[0])
        if program in ("conmon", "drover-lxc", "drover-exec", "runc", "crun") and any(str(folder) in word for word in words):
            found.append(f"{entry} {' '.join(words)}")
    return found


def _lasting_processes(folder):
    """Without a runtime that the agent asks something just now, which ends by itself."""
    until = time.monotonic() + 10
    lasting = _processes(folder)
    while lasting and time.monotonic() < until:
        time.sleep(0.05)
        now = _processes(folder)
        lasting = [process for process in lasting if process in now]
    return lasting


def cgroups_of(name):
    """Folders with the container's name, in every control group file system that is mounted."""
    done = subprocess.run(
        ["find", "/sys/fs/cgroup", "(", "-fstype", "cgroup", "-o", "-fstype", "cgroup2", ")", "-type", "d",
         "-regex", f".*[/-]{re.escape(name)}[^/]*"], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.split()


def snapshots_of_root(node, name):
    """Their names in the container's folder, and whatever is left there of one that was broken off."""
    folder = node.work / "state/containers" / name / "snapshots"
    return tuple(sorted(one.name for one in folder.iterdir() if one.name != "current")) if folder.exists() else ()


def leftovers(node, name):
    """What is there of containers, as {kind: [things]}, on a node that shall have none; `name` is that of the last."""
    state, run = node.work / "state", node.work / "run"
    links = json.loads(subprocess.run(["ip", "-j", "link", "show", "type", "veth"], stdout=subprocess.PIPE, text=True,
                                      check=True).stdout or "[]")
    found = {
        "containers": node.names(),
        "folders": _entries(state / "containers") + _entries(state / "lxc"),
        "runtimes": _entries(run / "runc") + _entries(run / "crun") + _entries(run / "pids"),
        "exits": _entries(state / "exits"),
        "execs": _entries(state / "execs"),
        "volumes": _entries(state / "volumes"),
        "addresses": [file for file in _files(state / "cni") if re.search(r"/\d+\.\d+\.\d+\.\d+$", file)],
        "mounts": _mounts(node.work),
        "namespaces": os.listdir("/run/netns"),
        "interfaces": [link["ifname"] for link in links if "ifname" in link],
        "processes": _lasting_processes(node.work),
        "cgroups": cgroups_of(name),
    }
    if node.simulator:
        found["guests"] = _entries(node.simulator.folder / "guests") + _entries(node.simulator.lxc_path)
        found["units"] = _files(node.simulator.folder / "units")
        found["units"].remove(str(node.simulator.folder / "units/pve-container@.service"))
        found["pve volumes"] = [file for storage in ("local", "fast") for part in ("images", "snapshots")
                                for file in _files(node.simulator.folder / storage / part)]
    return {kind: things for kind, things in found.items() if things}
