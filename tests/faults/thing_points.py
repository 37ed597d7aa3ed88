#!/usr/bin/python3
"""Ends droverd by SIGKILL at every crash point of the verbs about images, volumes and networks and of container.update.

thing_points.py BUILD [--proxmox] [--only VERB] [--every N --from K] [--cancel], in a mount and a network namespace of its
own; as crash_points.py, whose way it goes. With --proxmox it is a node of Proxmox, and what is different there is done. After each crash the agent is started again and the job sent once more. Then the job
has succeeded, once; the thing is as the job says, and nobody works on it; and once everything is deleted nothing is left.
"""

import argparse
import atexit
import functools
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from crash_table import CrashTable, add_sample  # noqa: E402
from registry import Registry  # noqa: E402
from thin_group import GROUP, POOL, ThinGroup  # noqa: E402
from whole_node import SERVE  # noqa: E402

IMAGE = {"storage": "local-image", "size_mib": 16}


class Things(CrashTable):
    def __init__(self, chosen):
        super().__init__(chosen.build.resolve(), chosen, proxmox=chosen.proxmox)
        self.bridges = self.bridges_there()
        self.thin = ThinGroup()
        self.node.config.setdefault("storage", {})["thin_pool"] = f"{GROUP}/{POOL}"
        self.node.write_config()
        self.image = f"oci:{self.node.work}/image:busybox"
        self.count = 0
        volume = ("volume.create", "data", IMAGE)
        xfs = ("volume.create", "data", {"storage": "local-xfs", "size_mib": 300})
        has = ("container.run", "limited", {"volumes": [{"name": "data", "target": "/data", "from": "data"}]})
        address = {"address": "10.84.0.1/24"}
        # What is done before, the job, and what the node has then.
        self.scenarios = [
            ([], ("image.pull", self.image, {}), {"images": 1}),
            ([("image.pull", self.image, {})], ("image.remove", self.image, {}), {}),
            ([], volume, {"volumes": 1}),
            ([], ("volume.create", "folder", {}), {"volumes": 1}),
            ([volume], ("volume.resize", "data", {"size_mib": 32}), {"volumes": 1}),
            ([xfs, has], ("volume.resize", "data", {"size_mib": 320}), {"volumes": 1, "containers": 1, "images": 1}),
            ([volume], ("volume.snapshot", "data", {"snapshot": "copy"}), {"volumes": 2}),
            ([volume], ("volume.delete", "data", {}), {}),
            ([], ("network.ensure", "apps", address), {"networks": 1}),
            ([("network.ensure", "apps", address)], ("network.remove", "apps", {}), {}),
            ([("container.run", "limited", None)], ("container.update", "limited", {"resources": {"pids": 30}}),
             {"containers": 1, "images": 1}),
        ]
        if not chosen.proxmox:
            self.scenarios += self.of_a_registry() + self.of_copies_at_once("local-thin")
            thin = ("volume.create", "data", {"storage": "local-thin", "size_mib": 16})
            self.scenarios += [([thin], ("volume.resize", "data", {"size_mib": 32}), {"volumes": 1})]
        if chosen.proxmox:
            bridge = ("network.ensure", "vmbr5", address)
            vnet = ("network.ensure", "web", {"zone": "lab", "address": "10.85.0.1/24"})
            self.node.simulator.make_zone("lab", type="simple")
            self.scenarios = [([], bridge, {"networks": 1}), ([bridge], ("network.remove", "vmbr5", {}), {}),
                              ([], vnet, {"networks": 1}), ([vnet], ("network.remove", "web", {}), {})]
            # One zone where Proxmox tells who has which address.
            self.node.simulator.make_zone("kept", type="simple", ipam="pve", dhcp="dnsmasq")
            kept = ("network.ensure", "kept", {"zone": "kept", "address": "10.86.0.1/24"})
            leased = ("container.run", "leased", {"networks": [{"interface": "eth0", "bridge": "kept"}]})
            there = {"networks": 1, "containers": 1, "images": 1}
            self.scenarios += [([kept, ("image.pull", self.image, {})], leased, there),
                               ([kept, leased], ("container.delete", "leased", {"force": True}),
                                {"networks": 1, "images": 1})]

    def of_a_registry(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        registry = Registry()
        atexit.register(registry.end)
        os.environ["HOME"] = str(registry.folder)
        registry.add("app:1", self.image.removeprefix("oci:").removesuffix(":busybox"))
        image = f"docker://{registry.host}/app:1"
        return [([], ("image.pull", image, {}), {"images": 1}),
                ([("image.pull", image, {})], ("image.remove", image, {}), {})]

    def job(self, verb, target, options):
        self.count += 1
        job = {"id": f"job-{self.count}", "verb": verb, "target": target}
        if verb == "container.run":
            job["spec"] = {"runtime": "runc", "command": ["sh", "-c", SERVE % 0], **(options or {})}
        elif options:
            job["options"] = options
        return job

    def prepare(self, verb, target, options):
        ended = self.client.run(self.job(verb, target, options))
        assert ended["state"] == "succeeded", f"{verb} {target}: {ended}"

    def things(self):
        return {kind: self.client.query(kind)[kind] for kind in ("containers", "images", "volumes", "networks")}

    def check(self, job, ended, expected, before):
        """`before` is what there was before a job that was cancelled; None for one that was not."""
        if ended["state"] != "succeeded" and not (before is not None and ended["state"] == "cancelled"):
            return [f"the job has {ended['state']}: {ended.get('error')}"]
        wrong = []
        things = self.things()
        counts = {kind: len(rows) for kind, rows in things.items() if rows}
        # What takes away is not taken back, nor is what was unpacked: others may use it by now.
        stays = job["verb"] in ("image.remove", "volume.delete", "network.remove") or (
            job["verb"] == "image.pull" and "options" not in job)
        if ended["state"] == "succeeded" and counts != expected:
            wrong.append(f"there are {counts} and not {expected}")
        if ended["state"] == "cancelled" and counts not in ([before, expected] if stays else [before]):
            wrong.append(f"there are {counts} and not {before}")
        wrong += [f"job {row['busy']} works on {row['name']}" for kind in ("volumes", "networks") for row in things[kind]
                  if row["busy"]]
        sizes = {row["name"]: row["size_mib"] for row in things["volumes"]}
        if job["verb"] == "volume.resize" and sizes != {"data": job["options"]["size_mib"]} and (
                before is None or sizes["data"] not in (16, 300)):
            wrong.append(f"the sizes are {sizes}")
        if job["verb"] == "container.update":
            limits = self.client.query("container", name="limited")["spec"].get("resources")
            if limits != {"pids": 30} and (ended["state"] == "succeeded" or limits):
                wrong.append(f"the limits are {limits}")
        if (ends := self.ends(job)) != 1:
            wrong.append(f"its end was told {ends} times")
        return wrong

    def clear(self):
        """Deletes all there is; what is left then."""
        state = self.node.work / "state"
        if any(path.name.startswith(".") for path in (state / "images").glob("*")):
            # What a fetch has left that was broken off goes by the next pull.
            self.prepare("image.pull", self.image, {})
        things = self.things()
        for kind, verb in (("containers", "container.delete"), ("images", "image.remove"), ("volumes", "volume.delete"),
                           ("networks", "network.remove")):
            for row in things[kind]:
                self.prepare(verb, row["name"], {"force": True} if kind == "containers" else {})
        loops = subprocess.run(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"], stdout=subprocess.PIPE,
                               text=True, check=True).stdout.split("\n")
        return ([str(path) for folder in ("images", "volumes", "volume-records", "containers")
                 if (state / folder).exists() for path in (state / folder).iterdir()
                 # They are kept for the next pull of the same.
                 if path not in (state / "images/blobs", state / "images/layers")] +
                [bridge for bridge in self.bridges_there() if bridge not in self.bridges] +
                [loop for loop in loops if str(state) in loop] + self.thin.volumes() + self.configured() + self.in_sdn())

    @staticmethod
    def bridges_there():
        links = json.loads(subprocess.run(["ip", "-j", "link", "show", "type", "bridge"], stdout=subprocess.PIPE, text=True,
                                          check=True).stdout or "[]")
        return [link["ifname"] for link in links if "ifname" in link]

    def configured(self):
        """In Proxmox's configuration of the network, applied or not, beside what the node began with."""
        if not self.node.simulator or not (file := self.node.simulator.folder / "interfaces.json").exists():
            return []
        return [f"{name} is {how}" for how, interfaces in json.loads(file.read_text()).items() for name in interfaces
                if name != "vmbr0"]

    def in_sdn(self):
        """Vnets and subnets of the cluster, applied or not, and who has its lock."""
        if not self.node.simulator or not (file := self.node.simulator.folder / "sdn.json").exists():
            return []
        sdn = json.loads(file.read_text())
        addresses = [ip for zone in sdn["ipam"].values() for subnet in zone.values() for ip in subnet]
        left = [str(path) for path in (self.node.work / "state/ipam").rglob("*") if path.is_file()] + [
            f"address {ip} is taken" for ip in addresses]
        left += [f"{kind} {name} is {how}" for how in ("running", "config") for kind in ("vnets", "subnets")
                for name in sdn[how][kind]]
        kept = self.node.work / "state/sdn-lock"
        return left + (["somebody has the lock"] if sdn["lock"] else []) + ([str(kept)] if kept.exists() else [])

    def once(self, before, wanted, expected, point, cancel_at):
        for step in before:
            self.prepare(*step)
        had = {kind: len(rows) for kind, rows in self.things().items() if rows}
        job = self.job(*wanted)
        wrong = self.check(job, self.do(job, point, cancel_at), expected, had if cancel_at else None)
        passed = self.passed()
        if left := self.clear():
            wrong.append(f"left behind: {left}")
        self.record(wanted[0], point, cancel_at, wrong)
        return passed

    def all(self, only):
        self.some(self.scenarios, only)
        if not self.node.simulator:
            volumes = self.node.work / "state/volumes"
            volumes.mkdir(mode=0o700, exist_ok=True)
            disk = self.node.work / "btrfs-disk"
            with open(disk, "wb") as file:
                file.truncate(512 << 20)
            subprocess.run(["mkfs.btrfs", "-q", disk], check=True)
            subprocess.run(["mount", "-o", "loop", disk, volumes], check=True)
            try:
                self.some(self.of_copies_at_once("local-btrfs"), only)
            finally:
                subprocess.run(["umount", "-l", volumes], check=True)

    def some(self, scenarios, only):
        for before, wanted, expected in scenarios:
            if not only or wanted[0] == only:
                self.each(wanted[0], functools.partial(self.once, before, wanted, expected))

    @staticmethod
    def of_copies_at_once(storage):
        volume = ("volume.create", "data", {"storage": storage, "size_mib": 16})
        return [([], volume, {"volumes": 1}),
                ([volume], ("volume.snapshot", "data", {"snapshot": "copy"}), {"volumes": 2}),
                ([volume], ("volume.delete", "data", {}), {})]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--proxmox", action="store_true")
    arguments.add_argument("--only", metavar="VERB")
    add_sample(arguments)
    chosen = arguments.parse_args()
    table = Things(chosen)
    return table.run(lambda: table.all(chosen.only))


if __name__ == "__main__":
    sys.exit(main())
