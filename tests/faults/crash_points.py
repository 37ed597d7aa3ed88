#!/usr/bin/python3
"""Ends droverd by SIGKILL at every crash point of every verb on one runtime, and looks at what becomes of the job.

crash_points.py BUILD RUNTIME [--only SCENARIO] [--every N --from K] [--cancel], in a mount and a network namespace of its own (crash_points).

Each scenario is run undisturbed once, which tells its points (agent/system/crash_point.h: before and after every write to
the journal and every deed), and then once for each point. The agent is started again and the client sends the job once
more, as the protocol says. After that the job has ended exactly once, the container is as the job says, its program was
started as often as the jobs say and no more, its exit code is the true one; and once it is deleted nothing is left.

With --cancel the job is cancelled at its points, which the crash follows, or comes while what it made is taken back.
"""

import argparse
import functools
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from crash_scenarios import (  # noqa: E402
    ANOTHER, CODE, DONE, NO_PROGRAM, PROGRAM, SCENARIOS, TEMPLATE, THE_BACKUP, THE_FIRST)
from crash_table import CrashTable, add_sample  # noqa: E402
from leftovers import leftovers, snapshots_of_root  # noqa: E402
from simulator import Simulator  # noqa: E402


class Table(CrashTable):
    def __init__(self, chosen):
        super().__init__(chosen.build.resolve(), chosen, proxmox=True, simulator_options=["--storage", "fast:btrfs"])
        self.runtime = chosen.runtime
        if self.runtime == "pve-lxc":
            # On a storage that keeps snapshots.
            self.node.config["storage"] = {"default": "fast", "guest_storage": "fast"}
            self.node.write_config()
            self.make_other()
        else:
            self.make_images()
        self.count = 0

    def make_images(self):
        """Beside the node's default image."""
        self.images = {ANOTHER: f"oci:{self.node.work}/image:another", NO_PROGRAM: f"oci:{self.node.work}/image:empty"}
        image = f"{self.node.work}/image"
        for words in (["config", "--image", f"{image}:busybox", "--tag", "another", "--config.env", "COLOUR=red"],
                      ["new", "--image", f"{image}:empty"]):
            subprocess.run(["umoci", *words], check=True, stderr=subprocess.DEVNULL)

    def make_other(self):
        """The second node of the cluster, where nobody's agent is."""
        folder = self.node.work / "other"
        folder.mkdir()
        self.other = Simulator(self.node.build, folder, folder / "image", "--storage", "fast:btrfs", node="other")
        self.node.simulator.join(self.other)

    def end_other(self):
        if self.runtime == "pve-lxc":
            self.other.end()

    def spec(self, changes):
        spec = {"runtime": self.runtime, "volumes": [{"name": "data", "target": "/data", "size_mib": 8}],
                "networks": [{"interface": "eth0", "bridge": "vmbr0"}], "stop": {"grace_s": 20}}
        if self.runtime == "pve-lxc":
            spec["image"] = TEMPLATE
            spec["volumes"][0]["size_mib"] = 1024
        else:
            spec["command"] = ["sh", "-c", PROGRAM]
        if changes.get("image") == THE_FIRST:
            del spec["volumes"]  # it has those of its source
        return {**spec, **changes}

    def job(self, name, verb, options=None, spec=None):
        self.count += 1
        job = {"id": f"job-{self.count}", "verb": verb, "target": name}
        if verb in ("container.run", "container.create"):
            job["spec"] = self.spec(spec or {})
            if job["spec"].get("image") == THE_BACKUP:
                archives = [file for file in self.dump() if not file.endswith(".notes")]
                job["spec"]["image"] = f"local:backup/{archives[0]}" if archives else TEMPLATE
        if options:
            job["options"] = dict(options)
            if image := options.get("image"):
                job["options"]["image"] = self.images[image]
        return job

    def prepare(self, name, verb, spec=None):
        verb, options = verb if isinstance(verb, tuple) else (verb, None)
        ended = self.client.run(self.job(name, verb, options, spec))
        assert ended["state"] == "succeeded", f"{verb} {name}, before the crash: {ended}"
        if verb == "container.run" and self.runtime != "pve-lxc":
            self.await_lines(name, "starts", 1)

    def file(self, name, file):
        return self.node.work / "state/containers" / name / "volumes/data" / file

    def lines(self, name, file):
        path = self.file(name, file)
        return len(path.read_text().splitlines()) if path.exists() else 0

    def await_lines(self, name, file, count):
        """The program writes a moment after it was started."""
        deadline = time.monotonic() + 10
        while self.lines(name, file) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.lines(name, file)

    def await_status(self, name, status):
        """One that ended is seen a moment later."""
        deadline = time.monotonic() + 10
        while True:
            seen = self.client.query("container", name=name)
            if seen["status"] == status or time.monotonic() > deadline:
                return seen
            time.sleep(0.02)

    def exists(self, name):
        return name in self.node.names()

    def check(self, scenario, name, job, ended, cancelled):
        """What is wrong, as texts."""
        wrong = []
        if ended["state"] not in scenario.states + (("cancelled",) if cancelled else ()):
            wrong.append(f"the job has {ended['state']}: {ended.get('error')}")
        if (ends := self.ends(job)) != 1:
            wrong.append(f"it ended {ends} times")
        if ended["state"] == "cancelled":
            return wrong + self.check_cancelled(scenario, name)
        if scenario.status is None:
            if self.exists(name):
                wrong.append(f"{name} is still there: {self.client.query('container', name=name)['status']}")
            return wrong
        wrong += self.check_container(scenario, name, ended)
        return wrong

    def check_cancelled(self, scenario, name):
        """What was to be made is not there; what was there is, and as good as it was or as it was to become."""
        if not self.exists(name):
            return [] if scenario.makes or scenario.status is None else [f"{name} is gone"]
        if scenario.makes:
            return [f"{name} is there: {self.client.query('container', name=name)['status']}"]
        wrong = []
        seen = self.client.query("container", name=name)
        good = {"running", "stopped", "paused", "created"}
        if scenario.verb in ("container.rollback", "container.backup", "container.upgrade"):
            good = {scenario.status}
        if scenario.verb == "container.start":
            good = {"stopped", "created"}
        if scenario.status is None:
            good.add("unknown")
        if seen["status"] not in good:
            wrong.append(f"{name} is {seen['status']}")
        before = tuple(step[1]["snapshot"] for step in scenario.before if step[0] == "container.snapshot")
        wrong += self.check_snapshots(scenario, name, [scenario.snapshots, before])
        if self.runtime != "pve-lxc" and self.lines(name, "starts") > scenario.starts + scenario.cancelled_starts:
            wrong.append(f"its program was started {self.lines(name, 'starts')} times")
        return wrong

    def check_container(self, scenario, name, ended):
        wrong = []
        status = scenario.status
        if scenario.name == "kill" and ended["state"] == "failed":
            # Told as not known; then nothing else may be wrong with it.
            status = self.client.query("container", name=name)["status"]
        seen = self.await_status(name, status)
        if seen["status"] != status or status not in ("running", "stopped", "paused", "created"):
            wrong.append(f"{name} is {seen['status']} and not {scenario.status}")
        wrong += self.check_snapshots(scenario, name, [scenario.snapshots])
        if self.runtime == "pve-lxc":
            return wrong
        if scenario.image and not seen["image"].endswith(":" + scenario.image):
            wrong.append(f"its image is {seen['image']} and not {scenario.image}")
        starts = self.await_lines(name, "starts", scenario.starts)
        if starts != scenario.starts:
            wrong.append(f"its program was started {starts} times and not {scenario.starts} times")
        if scenario.execs is not None:
            execs = self.lines(name, "execs")
            if execs > 1 or (ended["state"] == "succeeded" and execs != 1):
                wrong.append(f"the command has run {execs} times, and the job has {ended['state']}")
        if scenario.name == "stop":
            codes = [ended["result"]["exit"]["code"], seen["exit"]["code"]]
            if codes != [CODE, CODE]:
                wrong.append(f"the exit code is told as {codes}")
        return wrong

    def check_snapshots(self, scenario, name, expected):
        """As the node tells and as Proxmox, or the container's folder, has them."""
        if scenario.snapshots is None:
            return []
        wrong = []
        seen = self.client.query("container", name=name)
        told = tuple(snapshot["name"] for snapshot in seen.get("snapshots", []))
        if self.runtime != "pve-lxc":
            true = snapshots_of_root(self.node, name)
            return [] if told in expected and told == true else [f"its snapshots are told as {told}, and are {true}"]
        config = json.loads((self.node.simulator.folder / "guests" / f"{seen['vmid']}.json").read_text())
        true = tuple(config.get("snapshots", {}))
        if told not in expected or told != true:
            wrong.append(f"its snapshots are told as {told}, and are {true}")
        if "lock" in config or any("snapstate" in snapshot for snapshot in config.get("snapshots", {}).values()):
            wrong.append(f"half a snapshot is left: {config}")
        return wrong

    def check_sizes(self, scenario, name):
        """As the node tells, as Proxmox has them, and as they are. One that was cancelled may have grown some."""
        if scenario.sizes is None or not self.exists(name):
            return []
        seen = self.client.query("container", name=name)
        told = (seen["spec"]["resources"]["disk_mib"], seen["spec"]["volumes"][0]["size_mib"])
        folder = self.node.simulator.folder
        config = json.loads((folder / "guests" / f"{seen['vmid']}.json").read_text())
        disks = [dict(part.split("=") for part in f"id={config[key]}".split(",")) for key in ("rootfs", "mp0")]
        units = {"M": 1, "G": 1024}
        said = tuple(int(disk["size"][:-1]) * units[disk["size"][-1]] for disk in disks)
        # Storages of type btrfs keep each in a folder of its own.
        files = [(folder / "fast/images" / disk["id"].removeprefix("fast:")).with_suffix("") / "disk.raw" for disk in disks]
        true = tuple(file.stat().st_size >> 20 for file in files)
        return [] if told == said == true else [f"disks are told as {told} MiB, {said} MiB for Proxmox and have {true} MiB"]

    def dump(self):
        folder = self.node.simulator.folder / "local/dump"
        return sorted(file.name for file in folder.iterdir()) if folder.exists() else []

    def check_backups(self, scenario, ended):
        """Whole ones with their notes, and nothing else; they are deleted then."""
        files = self.dump()
        archives = [file for file in files if not file.endswith(".notes")]
        taken_back = ended["state"] == "cancelled" and scenario.verb == "container.backup"
        expected = 0 if taken_back else scenario.backups
        whole = all(re.fullmatch(r"vzdump-lxc-[-0-9_]+\.tar\.zst", file) for file in archives)
        wrong = [] if len(archives) == expected and len(files) == 2 * expected and whole else [f"of backups there is {files}"]
        for file in files:
            (self.node.simulator.folder / "local/dump" / file).unlink()
        return wrong

    def check_moved(self, scenario, name, ended):
        """The guest is on one node, whole, and where the job says; it is deleted there."""
        if not scenario.moves:
            return []
        here, there = (list((one.folder / "guests").iterdir()) for one in (self.node.simulator, self.other))
        disks = [len(list(one.folder.glob("fast/images/*/*"))) for one in (self.node.simulator, self.other)]
        counts = (len(here), len(there), *disks)
        stayed = ended["state"] == "cancelled" and self.exists(name)
        wrong = [] if counts == ((1, 0, 2, 0) if stayed else (0, 1, 0, 2)) else [f"guests and disks here and there: {counts}"]
        for guest in there:
            task = self.other.call("DELETE", f"/nodes/other/lxc/{guest.stem}?force=1")
            while self.other.call("GET", f"/nodes/other/tasks/{task}/status")["status"] == "running":
                time.sleep(0.02)
        return wrong

    def once(self, scenario, point, cancel_at):
        name = f"{self.runtime}-{self.count}"
        if scenario.first:
            self.prepare("first", "container.create")
        for verb in scenario.before:
            self.prepare(name, verb, scenario.spec)
        job = self.job(scenario.target or name, scenario.verb, scenario.options, scenario.spec)
        if scenario.deadline_ms:
            job["deadline"] = int(time.time() * 1000) + scenario.deadline_ms
        ended = self.do(job, point, cancel_at, lambda: self.goes_on(scenario, name))
        wrong = self.check(scenario, name, job, ended, cancel_at)
        wrong += self.check_backups(scenario, ended) + self.check_sizes(scenario, name)
        wrong += self.check_moved(scenario, name, ended)
        if scenario.sizes and ended["state"] == "succeeded":
            grown = self.client.query("container", name=name)["spec"]
            if (grown["resources"]["disk_mib"], grown["volumes"][0]["size_mib"]) != scenario.sizes:
                wrong.append(f"it did not grow to {scenario.sizes}: {grown}")
        passed = self.passed()
        if scenario.verb == "node.drain":
            self.prepare("node1", "node.undrain")
        if self.exists(name):
            deleted = self.client.run(self.job(name, "container.delete", {"force": True}))
            if deleted["state"] != "succeeded":
                wrong.append(f"it cannot be deleted: {deleted.get('error')}")
        if scenario.first:
            # Nobody is at work on it any more.
            self.prepare("first", "container.delete")
        if left := leftovers(self.node, name):
            wrong.append(f"left behind: {left}")
        self.record(scenario.name, point, cancel_at, wrong)
        return passed

    def goes_on(self, scenario, name):
        """Whether the node has something to do after the job."""
        if self.runtime == "pve-lxc":
            return False
        seen = self.client.ask("query", "query.container", {"name": name}, timeout=0.05)
        if seen is None:
            return True  # busy, or it has just ended at the point
        if seen[0] != "answer":
            return False
        return seen[1]["status"] != scenario.status or self.lines(name, "starts") < scenario.starts

    def all(self, only):
        for scenario in SCENARIOS:
            fits = scenario.guests if self.runtime == "pve-lxc" else scenario.others
            if (only and scenario.name != only) or not fits:
                continue
            if self.cancels and (scenario.states != DONE or scenario.target):
                continue
            self.each(f"{self.runtime}: {scenario.name}", functools.partial(self.once, scenario))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("runtime")
    arguments.add_argument("--only", metavar="SCENARIO")
    add_sample(arguments)
    chosen = arguments.parse_args()
    table = Table(chosen)

    def all_of_them():
        try:
            table.all(chosen.only)
        finally:
            table.end_other()

    return table.run(all_of_them)


if __name__ == "__main__":
    sys.exit(main())
