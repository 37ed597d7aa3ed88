#!/usr/bin/python3
"""Lets users and accidents loose on one node for a while, and counts: every job that was accepted has ended, once; no
program was started more often than jobs said; nothing is left behind.

soak.py BUILD --minutes N [--seed S], in a mount and a network namespace of its own (soak).

Users: several at once, each with containers of its own on every runtime, doing what users do, over every accident.
Accidents: kill -9 of droverd, of drover-front, of conmon and of the Proxmox API; an API that stands still, answers 595 and
596, has locks that cannot be had and storages that are full, warns, and knows its tasks late; a full disk.
"""

import argparse
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from leftovers import leftovers  # noqa: E402
from whole_node import FINAL, Client, Node  # noqa: E402

RUNTIMES = ["runc", "crun", "lxc", "pve-lxc"]
CODE = 5
PROGRAM = f'trap "exit {CODE}" TERM; echo started >>/data/starts; while :; do sleep 0.05; done'
STORAGE = "/nodes/node1/storage/local/content"
FAULTS = [f"refused 3 POST {STORAGE}", f"lost 1 POST {STORAGE}", f"lock 2 POST {STORAGE}", f"nospace 1 POST {STORAGE}",
          f"lost 1 DELETE {STORAGE}", "refused 2 GET /nodes/node1", "lost 1 POST /nodes/node1/lxc", "lock 1 vzcreate",
          "lock 1 vzstart", "lock 1 vzdestroy", "nospace 1 vzcreate", "warnings 2 vzcreate", "warnings 2 vzstart",
          "late 2 vzcreate", "late 2 vzstart", "late 1 vzdestroy"]


class User(threading.Thread):
    """Does jobs on one container of one runtime after another, and knows what became of each."""

    def __init__(self, soak, number):
        super().__init__(name=f"user-{number}")
        self.soak = soak
        self.random = random.Random(soak.seed * 1000 + number)
        self.number = number
        self.jobs = 0
        self.accepted = []
        self.wrong = []
        self.codes = collections.Counter()  # of stopped programs, as their jobs told

    def job(self, name, verb, **more):
        self.jobs += 1
        return {"id": f"u{self.number}-{self.jobs}", "verb": verb, "target": name, **more}

    def spec(self, runtime):
        volume = {"name": "data", "target": "/data", "size_mib": 8}
        spec = {"runtime": runtime, "volumes": [volume], "networks": [{"interface": "eth0", "bridge": "vmbr0"}],
                "stop": {"grace_s": 10}}
        if runtime == "pve-lxc":
            volume["size_mib"] = 1024
            return {**spec, "image": "local:vztmpl/busybox.tar.gz"}
        return {**spec, "command": ["sh", "-c", PROGRAM]}

    def do(self, job):
        """Sends it until it is accepted and asks until it has ended, as every client does; it then, {} if refused."""
        client = Client(self.soak.node)
        try:
            while (answer := client.submit(job, timeout=1)) is None or answer[0] == "busy" or (
                    answer[0] == "error" and answer[1]["code"] in ("unavailable", "timed_out")):
                time.sleep(0.05)
                if self.soak.gave_up:
                    return {}
            if answer[0] != "job.accepted":
                return {}
            self.accepted.append(job["id"])
            if self.random.random() < 0.05:
                client.submit(self.job(job["id"], "job.cancel"), timeout=1)
            deadline = time.monotonic() + 240
            while time.monotonic() < deadline:
                seen = client.ask("query", "query.job", {"id": job["id"]}, timeout=1)
                if seen and seen[0] == "answer" and seen[1]["state"] in FINAL:
                    return seen[1]
                time.sleep(0.02)
            self.wrong.append(f"job {job['id']} does not end: {seen}")
            self.soak.gave_up = True
            return {}
        finally:
            client.close()

    def run(self):
        lives = 0
        while not self.soak.over.is_set():
            lives += 1
            runtime = self.random.choice(RUNTIMES)
            name = f"u{self.number}-{runtime}-{lives}"
            starts = 0
            if self.do(self.job(name, "container.run", spec=self.spec(runtime))).get("state") == "succeeded":
                starts = 1
                self.killed = False
                self.await_starts(name, runtime, 1)
                for _ in range(self.random.randrange(5)):
                    starts += self.change(name, runtime)
            self.check_starts(name, runtime, starts)
            while not self.soak.gave_up and self.exists(name):
                self.do(self.job(name, "container.delete", options={"force": True}))

    def change(self, name, runtime):
        """Returns how often its program may have been started by it at most."""
        verb = self.random.choice(["stop", "start", "restart", "pause", "resume", "exec", "kill"])
        options = {"exec": {"command": ["true"]}, "kill": {"signal": "9"}}.get(verb)
        before = self.starts_seen(name)
        ended = self.do(self.job(name, f"container.{verb}", **({"options": options} if options else {})))
        done = ended.get("state") == "succeeded"
        if verb in ("stop", "restart") and done:
            self.check_exit(name, runtime, ended["result"].get("exit", {}))
        if verb in ("start", "restart"):
            # One that was cancelled has ended what it had started.
            self.killed = not done
            self.await_starts(name, runtime, before + 1 if done else 0)
        # Sent or not, when its outcome is not known.
        self.killed = self.killed or verb == "kill"
        return 1 if verb in ("start", "restart") else 0

    def starts_seen(self, name):
        """By what the program has written into its volume."""
        file = self.soak.node.work / "state/containers" / name / "volumes/data/starts"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def await_starts(self, name, runtime, count):
        """A program that has not come so far takes no notice of being asked to end."""
        deadline = time.monotonic() + 10
        while runtime != "pve-lxc" and self.starts_seen(name) < count and time.monotonic() < deadline:
            time.sleep(0.02)

    def check_exit(self, name, runtime, told):
        """Its own code; 137 of one that was killed; none where its monitor may have been."""
        code = told.get("code")
        self.codes[f"{runtime} {code}"] += 1
        good = {CODE, 137} if self.killed else {CODE}
        if runtime != "pve-lxc" and code not in good and not (code is None and self.soak.accidents["kill_monitor"]):
            self.wrong.append(f"{name} is told to have ended with {code}")

    def check_starts(self, name, runtime, most):
        """A program that was started says so in its volume."""
        if runtime == "pve-lxc":
            return
        starts = self.starts_seen(name)
        self.soak.starts += starts
        if starts > most:
            self.wrong.append(f"{name} was started {starts} times and not {most} times at most")

    def exists(self, name):
        client = Client(self.soak.node)
        try:
            while not self.soak.gave_up:
                answer = client.ask("query", "query.container", {"name": name}, timeout=1)
                if answer is not None:
                    return answer[0] == "answer"
            return False
        finally:
            client.close()


class Soak:
    def __init__(self, build, minutes, seed):
        self.node = Node(build, proxmox=True)
        self.minutes = minutes
        self.seed = seed
        self.random = random.Random(seed)
        self.over = threading.Event()
        self.gave_up = False
        self.starts = 0
        self.accidents = collections.Counter()

    def pids(self, program):
        done = subprocess.run(["pgrep", "-f", f"(^|/){program} .*{self.node.work}"], stdout=subprocess.PIPE, text=True,
                              check=False)
        return [int(word) for word in done.stdout.split()]

    def kill_agent(self):
        self.node.end(signal.SIGKILL)
        self.node.start()

    def kill_front(self):
        done = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"], stdout=subprocess.PIPE,
                              text=True, check=False)
        for pid in done.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    def kill_monitor(self):
        if pids := self.pids("conmon"):
            os.kill(self.random.choice(pids), signal.SIGKILL)

    def kill_api(self):
        self.node.simulator.kill()
        time.sleep(self.random.random())
        self.node.simulator.start()

    def stop_api(self):
        """Long enough for requests to be given up, now and then."""
        pid = self.node.simulator.process.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.random.choice([0.2, 1, 8]))
        os.kill(pid, signal.SIGCONT)

    def fault_api(self):
        self.node.simulator.fault(*self.random.sample(FAULTS, 3))

    def fill_disk(self):
        """Of the agent's state, which is a small file system of its own here."""
        filler = self.node.work / "state/filler"
        try:
            with open(filler, "wb") as file:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
        except OSError:
            time.sleep(1)
        filler.unlink()

    def run(self):
        state = self.node.work / "state"
        state.mkdir()
        disk = self.node.work / "disk"
        with open(disk, "wb") as file:
            file.truncate(128 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(disk)], check=True)
        subprocess.run(["mount", "-o", "loop", str(disk), str(state)], check=True)
        (state / "lost+found").rmdir()
        state.chmod(0o700)
        self.node.config["journal"] = {"reserve_mib": 16}
        self.node.config["proxmox"]["timeout_s"] = 5
        self.node.config["reconcile"] = {"every_s": 5, "grace_s": 5}
        self.node.write_config()
        self.node.start()
        users = [User(self, number) for number in range(6)]
        for user in users:
            user.start()
        accidents = [self.kill_agent, self.kill_front, self.kill_monitor, self.kill_api, self.stop_api, self.fault_api,
                     self.fault_api, self.fill_disk]
        end = time.monotonic() + self.minutes * 60
        while time.monotonic() < end and not self.gave_up:
            time.sleep(self.random.random() * 2)
            accident = self.random.choice(accidents)
            self.accidents[accident.__name__] += 1
            accident()
        self.node.simulator.fault()
        self.over.set()
        for user in users:
            user.join()
        return self.judge(users)

    def left(self, client):
        left = leftovers(self.node, "u")
        left["leaks"] = [leak["id"] for leak in client.query("leaks")["leaks"]]
        left["mounts"] = [mount for mount in left.get("mounts", []) if mount != str(self.node.work / "state")]
        return {kind: things for kind, things in left.items() if things}

    def judge(self, users):
        wrong = [fault for user in users for fault in user.wrong]
        accepted = [job for user in users for job in user.accepted]
        client = Client(self.node)
        # What only a look finds is taken away after its grace.
        deadline = time.monotonic() + 90
        while (left := self.left(client)) and time.monotonic() < deadline:
            time.sleep(1)
        if left:
            wrong.append(f"left behind: {left}")
        events = client.all_events()
        client.close()
        ends = collections.Counter(event["subject"] for event in events
                                   if event["type"] in [f"drover.job.{state}" for state in FINAL])
        wrong += [f"job {job} ended {ends[job]} times" for job in accepted if ends[job] != 1]
        leaks = [event["data"] for event in events if event["type"] == "drover.resource.leaked"]
        # What could not be taken back is told, and tried again; all else would have been forgotten by its job.
        wrong += [f"forgotten until a look found it: {leak}" for leak in leaks if leak["kind"] != "undo"]
        codes = sum((user.codes for user in users), collections.Counter())
        print(f"seed {self.seed}: {len(accepted)} jobs accepted, {sum(ends[job] for job in accepted)} ended, "
              f"{self.starts} starts seen; exit codes told: {dict(sorted(codes.items()))}; "
              f"{len(leaks)} undone later; accidents: {dict(self.accidents)}")
        for fault in wrong:
            print("FAULT", fault)
        print(f"{len(wrong)} faults")
        return 1 if wrong else 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    chosen = arguments.parse_args()
    soak = Soak(chosen.build.resolve(), chosen.minutes, chosen.seed)
    code = 1
    try:
        code = soak.run()
        return code
    finally:
        if code:
            print((soak.node.work / "droverd.log").read_text()[-6000:], file=sys.stderr)
        subprocess.run(["umount", "-l", str(soak.node.work / "state")], check=False)
        soak.node.tear_down()


if __name__ == "__main__":
    sys.exit(main())
