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
import dataclasses
import functools
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from crash_table import CrashTable, add_sample  # noqa: E402
from leftovers import leftovers  # noqa: E402
from whole_node import SERVE  # noqa: E402

CODE = 5
PROGRAM = f'echo started >>/data/starts; trap "exit {CODE}" TERM; while :; do sleep 0.05; done'
DEAF = 'trap "" TERM; echo started >>/data/starts; while :; do sleep 0.05; done'
TWICE = f'echo started >>/data/starts; [ $(wc -l </data/starts) -ge 2 ] || exit 3; {SERVE % CODE}'
DONE = ("succeeded",)
# What a program inside was told or has done cannot be taken back, and whether it was is not known after a crash.
DONE_OR_UNKNOWN = ("succeeded", "failed")


@dataclasses.dataclass
class Scenario:
    name: str
    verb: str
    status: str | None  # of the container afterwards; None: there is none
    starts: int = 0  # of its program, all jobs together
    before: tuple = ()
    options: dict = dataclasses.field(default_factory=dict)
    spec: dict = dataclasses.field(default_factory=dict)
    states: tuple = DONE
    execs: int | None = None  # how often its command has run if the job says that it has
    guests: bool = True  # for guests of Proxmox too
    target: str | None = None  # of the job; None: the container
    deadline_ms: int | None = None  # from when it is sent

    @property
    def makes(self):
        return self.verb in ("container.run", "container.create")


SCENARIOS = [
    Scenario("run", "container.run", "running", 1),
    Scenario("create", "container.create", "created"),
    Scenario("start", "container.start", "running", 1, before=("container.create",)),
    Scenario("start again", "container.start", "running", 2, before=("container.run", "container.stop")),
    Scenario("stop", "container.stop", "stopped", 1, before=("container.run",)),
    Scenario("restart", "container.restart", "running", 2, before=("container.run",)),
    Scenario("pause", "container.pause", "paused", 1, before=("container.run",)),
    Scenario("resume", "container.resume", "running", 1, before=("container.run", "container.pause")),
    Scenario("exec", "container.exec", "running", 1, before=("container.run",), states=DONE_OR_UNKNOWN,
             options={"command": ["sh", "-c", "echo x >>/data/execs"]}, execs=1),
    Scenario("kill", "container.kill", "stopped", 1, before=("container.run",), states=DONE_OR_UNKNOWN,
             options={"signal": "9"}),
    Scenario("delete", "container.delete", None, 1, before=("container.run", "container.stop")),
    Scenario("delete what runs", "container.delete", "running", 1, before=("container.run",), states=("failed",)),
    Scenario("delete by force", "container.delete", None, 1, before=("container.run",), options={"force": True}),
    Scenario("run without its bridge", "container.run", None, states=("failed",),
             spec={"networks": [{"interface": "eth0", "bridge": "vmbr0"},
                                {"interface": "eth1", "bridge": "vmbr7"}]}),
    Scenario("run without its program", "container.run", None, states=("failed",),
             spec={"command": ["/no/such/program"]}, guests=False),
    # Started once by the job and once by its policy.
    Scenario("start by policy", "container.run", "running", 2, guests=False,
             spec={"command": ["sh", "-c", TWICE], "restart": {"policy": "on-failure"}}),
    Scenario("stop beyond its deadline", "container.stop", "running", 1, before=("container.run",), states=("failed",),
             spec={"command": ["sh", "-c", DEAF], "stop": {"grace_s": 600}}, guests=False, deadline_ms=300),
    Scenario("drain", "node.drain", "stopped", 1, before=("container.run",), options={"stop_containers": True},
             target="node1"),
]


class Table(CrashTable):
    def __init__(self, chosen):
        super().__init__(chosen.build.resolve(), chosen, proxmox=True)
        self.runtime = chosen.runtime
        self.count = 0

    def spec(self, changes):
        spec = {"runtime": self.runtime, "volumes": [{"name": "data", "target": "/data", "size_mib": 8}],
                "networks": [{"interface": "eth0", "bridge": "vmbr0"}], "stop": {"grace_s": 20}}
        if self.runtime == "pve-lxc":
            spec["image"] = "local:vztmpl/busybox.tar.gz"
            spec["volumes"][0]["size_mib"] = 1024
        else:
            spec["command"] = ["sh", "-c", PROGRAM]
        return {**spec, **changes}

    def job(self, name, verb, options=None, spec=None):
        self.count += 1
        job = {"id": f"job-{self.count}", "verb": verb, "target": name}
        if verb in ("container.run", "container.create"):
            job["spec"] = self.spec(spec or {})
        if options:
            job["options"] = options
        return job

    def prepare(self, name, verb, spec=None):
        ended = self.client.run(self.job(name, verb, spec=spec))
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
        if scenario.verb == "container.start":
            good = {"stopped", "created"}
        if scenario.status is None:
            good.add("unknown")
        if seen["status"] not in good:
            wrong.append(f"{name} is {seen['status']}")
        if self.lines(name, "starts") > scenario.starts:
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
        if self.runtime == "pve-lxc":
            return wrong
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

    def once(self, scenario, point, cancel_at):
        name = f"{self.runtime}-{self.count}"
        for verb in scenario.before:
            self.prepare(name, verb, scenario.spec)
        job = self.job(scenario.target or name, scenario.verb, scenario.options, scenario.spec)
        if scenario.deadline_ms:
            job["deadline"] = int(time.time() * 1000) + scenario.deadline_ms
        ended = self.do(job, point, cancel_at, lambda: self.goes_on(scenario, name))
        wrong = self.check(scenario, name, job, ended, cancel_at)
        passed = self.passed()
        if scenario.verb == "node.drain":
            self.prepare("node1", "node.undrain")
        if self.exists(name):
            deleted = self.client.run(self.job(name, "container.delete", {"force": True}))
            if deleted["state"] != "succeeded":
                wrong.append(f"it cannot be deleted: {deleted.get('error')}")
        if left := leftovers(self.node, name):
            wrong.append(f"left behind: {left}")
        self.record(scenario.name, point, cancel_at, wrong)
        return passed

    def goes_on(self, scenario, name):
        """Whether the node has something to do after the job."""
        seen = self.client.ask("query", "query.container", {"name": name}, timeout=0.05)
        if not seen or seen[0] != "answer" or self.runtime == "pve-lxc":
            return False
        return seen[1]["status"] != scenario.status or self.lines(name, "starts") < scenario.starts

    def all(self, only):
        for scenario in SCENARIOS:
            if (only and scenario.name != only) or (self.runtime == "pve-lxc" and not scenario.guests):
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
    return table.run(lambda: table.all(chosen.only))


if __name__ == "__main__":
    sys.exit(main())
