#!/usr/bin/python3
"""Runs and deletes containers again and again, and looks whether the agent is afterwards what it was before.

cycles.py BUILD [--cycles N] [--clients N], in a mount and a network namespace of its own (cycles).

A first part of the cycles warms up what is made once. Then resident memory may have grown by a mebibyte, and open files,
mounts, control groups and network namespaces by none.
"""

import argparse
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from leftovers import cgroups_of, leftovers  # noqa: E402
from whole_node import Client, Node  # noqa: E402

RUNTIMES = ["runc", "crun", "lxc"]
GUEST_EVERY = 10  # a guest of Proxmox takes several times as long
MOST_GROWTH = 1 << 20
WARM_UP = 0.2
LOOKS_EVERY_S = 5


def spec_of(cycle):
    """Each with a volume and an interface; on Proxmox's storage only now and then, because that takes longer, too."""
    spec = {"networks": [{"interface": "eth0", "bridge": "vmbr0"}]}
    volume = {"name": "data", "target": "/data"}
    if cycle % GUEST_EVERY == 0:
        return {**spec, "runtime": "pve-lxc", "image": "local:vztmpl/busybox.tar.gz",
                "volumes": [{**volume, "size_mib": 1024}]}
    storage = {"size_mib": 8} if cycle % GUEST_EVERY == 1 else {"storage": "local-folder"}
    return {**spec, "runtime": RUNTIMES[cycle % len(RUNTIMES)], "command": ["true"], "volumes": [{**volume, **storage}]}


class Cycler(threading.Thread):
    def __init__(self, node, number, cycles):
        super().__init__(name=f"cycler-{number}")
        self.node, self.number, self.cycles = node, number, cycles
        self.failed = []

    def run(self):
        client = Client(self.node)
        for cycle in range(self.cycles):
            name = f"cycle-{self.number}"
            spec = spec_of(cycle)
            stamp = f"{self.number}-{time.monotonic_ns()}"
            try:
                for job in ({"id": f"run-{stamp}", "verb": "container.run", "target": name, "spec": spec},
                            {"id": f"rm-{stamp}", "verb": "container.delete", "target": name, "options": {"force": True}}):
                    ended = client.run(job)
                    if ended["state"] != "succeeded":
                        self.failed.append(f"{job['verb']}: {ended.get('error')}")
            except AssertionError as fault:
                self.failed.append(str(fault))
        client.close()


def cycle(node, clients, cycles):
    cyclers = [Cycler(node, number, cycles // clients) for number in range(clients)]
    for cycler in cyclers:
        cycler.start()
    for cycler in cyclers:
        cycler.join()
    return [fault for cycler in cyclers for fault in cycler.failed]


def measure(node):
    agent = f"/proc/{node.agent.pid}"
    pages = int(pathlib.Path(f"{agent}/statm").read_text().split()[1])
    return {
        "rss": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(os.listdir(f"{agent}/fd")),
        "threads": len(os.listdir(f"{agent}/task")),
        "mounts": len(pathlib.Path(f"{agent}/mountinfo").read_text().splitlines()),
        "namespaces": len(os.listdir("/run/netns")),
        "cgroups": len(cgroups_of("cycle")),
    }


def memory(node):
    """Where resident memory is: of its own, and pages of programs and libraries."""
    status = pathlib.Path(f"/proc/{node.agent.pid}/status").read_text()
    return {line.split()[0]: line.split()[1] for line in status.splitlines() if line.startswith("Rss")}


def settled(node):
    """What is measured once nothing moves any more: descriptors close a moment after a job's end, and memory is given
    back by the next look."""
    before, since = measure(node), time.monotonic()
    deadline = since + 60
    while time.monotonic() < min(deadline, since + 2 * LOOKS_EVERY_S):
        time.sleep(0.2)
        if (now := measure(node)) != before:
            before, since = now, time.monotonic()
    return before


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--cycles", type=int, default=10_000)
    arguments.add_argument("--clients", type=int, default=4)
    chosen = arguments.parse_args()
    node = Node(chosen.build.resolve(), proxmox=True)
    try:
        node.config["reconcile"] = {"every_s": LOOKS_EVERY_S}
        node.write_config()
        node.start()
        faults = cycle(node, chosen.clients, max(chosen.clients, int(chosen.cycles * WARM_UP)))
        before, own = settled(node), memory(node)
        begun = time.monotonic()
        faults += cycle(node, chosen.clients, chosen.cycles)
        took = time.monotonic() - begun
        after = settled(node)
        for what, count in before.items():
            print(f"{what:12} {count:12} {after[what]:12} {after[what] - count:+d}")
            if after[what] - count > (MOST_GROWTH if what == "rss" else 0):
                faults.append(f"{what} grew from {count} to {after[what]}")
        for what, kib in memory(node).items():
            print(f"  {what:10} {own[what]:>12} {kib:>12} {int(kib) - int(own[what]):+d} KiB")
        if left := leftovers(node, "cycle"):
            faults.append(f"left behind: {left}")
        print(f"{chosen.cycles} cycles in {took:.0f} s, {len(faults)} faults")
        for fault in faults[:20]:
            print("FAULT", fault)
        return 1 if faults else 0
    finally:
        node.tear_down()


if __name__ == "__main__":
    sys.exit(main())
