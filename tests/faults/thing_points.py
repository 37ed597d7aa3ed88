#!/usr/bin/python3
"""Ends droverd by SIGKILL at every crash point of the verbs about images, volumes and networks and of container.update.

thing_points.py BUILD [--only VERB], in a mount and a network namespace of its own; as crash_points.py, whose way it goes. After each
crash the agent is started again and the job sent once more. Then the job has succeeded, once; the thing is as the job
says, and nobody works on it; and once everything is deleted nothing is left.
"""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from whole_node import SERVE, Client, Node  # noqa: E402

IMAGE = {"storage": "local-image", "size_mib": 16}


class Things:
    def __init__(self, build):
        self.node = Node(build)
        self.client = Client(self.node)
        self.crash = self.node.work / "crash"
        self.crash.mkdir()
        self.image = f"oci:{self.node.work}/image:busybox"
        self.count = 0
        self.crashes = 0
        self.faults = []
        volume = ("volume.create", "data", IMAGE)
        address = {"address": "10.84.0.1/24"}
        # What is done before, the job, and what the node has then.
        self.scenarios = [
            ([], ("image.pull", self.image, {}), {"images": 1}),
            ([("image.pull", self.image, {})], ("image.remove", self.image, {}), {}),
            ([], volume, {"volumes": 1}),
            ([], ("volume.create", "folder", {}), {"volumes": 1}),
            ([volume], ("volume.resize", "data", {"size_mib": 32}), {"volumes": 1}),
            ([volume], ("volume.snapshot", "data", {"snapshot": "copy"}), {"volumes": 2}),
            ([volume], ("volume.delete", "data", {}), {}),
            ([], ("network.ensure", "apps", address), {"networks": 1}),
            ([("network.ensure", "apps", address)], ("network.remove", "apps", {}), {}),
            ([("container.run", "limited", None)], ("container.update", "limited", {"resources": {"pids": 30}}),
             {"containers": 1, "images": 1}),
        ]

    def job(self, verb, target, options):
        self.count += 1
        job = {"id": f"job-{self.count}", "verb": verb, "target": target}
        if verb == "container.run":
            job["spec"] = {"runtime": "runc", "command": ["sh", "-c", SERVE % 0]}
        elif options:
            job["options"] = options
        return job

    def do(self, verb, target, options):
        ended = self.client.run(self.job(verb, target, options))
        assert ended["state"] == "succeeded", f"{verb} {target}: {ended}"

    def submit(self, job):
        """Until it is accepted, over the agent's death, as every client does."""
        deadline = time.monotonic() + 60
        while self.node.agent.poll() is None:
            answer = self.client.submit(job, timeout=0.05)
            if answer is not None:
                assert answer[0] == "job.accepted", f"{job}: {answer}"
                return
            assert time.monotonic() < deadline, "neither an answer nor a crash"

    def start_agent(self):
        self.node.start(DROVER_CRASH=str(self.crash))

    def things(self):
        return {kind: self.client.query(kind)[kind] for kind in ("containers", "images", "volumes", "networks")}

    def check(self, job, ended, expected):
        if ended["state"] != "succeeded":
            return [f"the job has {ended['state']}: {ended.get('error')}"]
        wrong = []
        things = self.things()
        counts = {kind: len(rows) for kind, rows in things.items() if rows}
        if counts != expected:
            wrong.append(f"there are {counts} and not {expected}")
        wrong += [f"job {row['busy']} works on {row['name']}" for kind in ("volumes", "networks") for row in things[kind]
                  if row["busy"]]
        sizes = {row["name"]: row["size_mib"] for row in things["volumes"]}
        if job["verb"] == "volume.resize" and sizes != {"data": 32}:
            wrong.append(f"the sizes are {sizes}")
        if job["verb"] == "container.update":
            limits = self.client.query("container", name="limited")["spec"].get("resources")
            if limits != {"pids": 30}:
                wrong.append(f"the limits are {limits}")
        told = [event for event in self.client.query("events", after=self.seq)["events"]
                if event["subject"] == job["id"] and event["type"].split(".")[-1] in ("succeeded", "failed", "cancelled")]
        if len(told) != 1:
            wrong.append(f"its end was told {len(told)} times")
        return wrong

    def clear(self):
        """Deletes all there is; what is left then."""
        things = self.things()
        for kind, verb in (("containers", "container.delete"), ("images", "image.remove"), ("volumes", "volume.delete"),
                           ("networks", "network.remove")):
            for row in things[kind]:
                self.do(verb, row["name"], {"force": True} if kind == "containers" else {})
        state = self.node.work / "state"
        links = json.loads(subprocess.run(["ip", "-j", "link", "show", "type", "bridge"], stdout=subprocess.PIPE, text=True,
                                          check=True).stdout or "[]")
        loops = subprocess.run(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"], stdout=subprocess.PIPE,
                               text=True, check=True).stdout.split("\n")
        return ([str(path) for folder in ("images", "volumes", "volume-records", "containers")
                 if (state / folder).exists() for path in (state / folder).iterdir()] +
                [link["ifname"] for link in links if "ifname" in link] + [loop for loop in loops if str(state) in loop])

    def once(self, before, wanted, expected, point=None):
        for step in before:
            self.do(*step)
        self.seq = self.client.query("node")["seq"]
        (self.crash / "passed").write_text("")
        if point:
            (self.crash / "at").write_text(point)
        job = self.job(*wanted)
        self.submit(job)
        wrong = []
        if point:
            try:
                self.node.agent.wait(30)
            except subprocess.TimeoutExpired:
                wrong.append("the point was not passed this time")
            (self.crash / "at").unlink()
            if self.node.agent.poll() is not None:
                self.start_agent()
                self.submit(job)
            self.crashes += 1
        wrong += self.check(job, self.client.await_end(job["id"]), expected)
        passed = (self.crash / "passed").read_text().splitlines()
        if left := self.clear():
            wrong.append(f"left behind: {left}")
        for fault in wrong:
            self.faults.append(f"{wanted[0]}, {'at ' + repr(point) if point else 'undisturbed'}: {fault}")
            print("FAULT", self.faults[-1], flush=True)
        return list(dict.fromkeys(passed))

    def run(self, only):
        self.start_agent()
        for before, wanted, expected in self.scenarios:
            if only and wanted[0] != only:
                continue
            begun = time.monotonic()
            points = self.once(before, wanted, expected)
            assert len(points) > 4, f"{wanted[0]}: only {points} are passed; is this a build with crash points?"
            for point in points:
                self.once(before, wanted, expected, point)
            print(f"{wanted[0]}: {len(points)} crashes, {time.monotonic() - begun:.1f} s", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--only", metavar="VERB")
    chosen = arguments.parse_args()
    table = Things(chosen.build.resolve())
    try:
        table.run(chosen.only)
    except BaseException:
        print((table.node.work / "droverd.log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        table.node.tear_down()
    print(f"{table.crashes} crashes, {len(table.faults)} faults")
    return 1 if table.faults else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
