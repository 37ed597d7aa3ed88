#!/usr/bin/python3
"""What Drover adds to conmon's and the runtime's own time when a container of runc or crun is run.

oci_overhead.py BUILD [--runtime runc|crun] [--rounds N] [--bursts N] [--no-seccomp], in a mount and a network namespace of its
own. Round by round, one beside the other: a job container.run, from its message to the event that its container runs; and bare
conmon with the runtime's create and start, of the bundle that Drover has made for another container, its root and its network
namespace included. Then 32 of both at once. Journal, bundles and roots are on an ext4 of its own on the disk of BUILD, with a
journal as everybody's: without one it keeps from taking a deleted file's inode for seconds, and looks for another. What is in /run
on a node is in memory here, too. Ends with 1 when a job takes more than 1.3 times the bare one's time at the median, or when 32 at
once gain less than they do bare.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time

import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from file_system import file_system  # noqa: E402
from whole_node import Client, Node, sh  # noqa: E402

MOST_RATIO = 1.3
AT_ONCE = 32
# What noise may take from the gain before it counts.
SHARE_OF_CORES = 0.9
COMMAND = ["sleep", "100000"]
WAIT_S = 120


class Drovers:
    """Containers by jobs."""

    def __init__(self, node, runtime, security):
        self.node, self.runtime, self.security = node, runtime, security
        self.context = zmq.Context()
        self.jobs = self.context.socket(zmq.DEALER)
        self.jobs.connect(f"ipc://{node.bus}/jobs.sock")
        self.events = self.context.socket(zmq.SUB)
        self.events.setsockopt(zmq.RCVHWM, 0)
        self.events.setsockopt(zmq.SUBSCRIBE, b"node1.container.")
        self.events.connect(f"ipc://{node.bus}/events.sock")
        self.client = Client(node)
        while not self.events.poll(50):  # until it is known to be subscribed
            self.run_and_forget("hello")

    def run_and_forget(self, name):
        self.client.run(self.job("container.run", name))
        self.client.run(self.job("container.delete", name, options={"force": True}))

    def job(self, verb, name, **more):
        if verb == "container.run":
            more = {"spec": {"runtime": self.runtime, "command": COMMAND, **self.security}}
        return {"id": f"{verb}-{name}-{time.monotonic_ns()}", "verb": verb, "target": name, **more}

    def submit(self, verb, names, **more):
        for count, name in enumerate(names):
            header = {"v": 1, "kind": "job.submit", "rq": count}
            self.jobs.send_multipart([json.dumps(header).encode(), json.dumps(self.job(verb, name, **more)).encode()])

    def await_events(self, what, names):
        left = set(names)
        until = time.monotonic() + WAIT_S
        while left:
            assert self.events.poll(1000) or time.monotonic() < until, f"no event {what} of {left}"
            if self.events.poll(0):
                event = json.loads(self.events.recv_multipart()[1])
                assert event.get("type") not in ("drover.job.failed", "drover.container.unknown"), event
                if event.get("type") == f"drover.container.{what}":
                    left.discard(event["subject"])

    def run(self, names):
        """Seconds until all run."""
        begun = time.perf_counter()
        self.submit("container.run", names)
        self.await_events("running", names)
        return time.perf_counter() - begun

    def remove(self, names):
        self.submit("container.delete", names, options={"force": True})
        self.await_events("gone", names)
        while self.jobs.poll(0):
            self.jobs.recv_multipart()

    def close(self):
        self.jobs.close(0)
        self.events.close(0)
        self.context.term()
        self.client.close()


class Bares:
    """Containers by conmon and the runtime alone, of the bundle of one that Drover has made."""

    def __init__(self, work, model, program, root):
        self.work, self.program = work, program
        self.root = root
        for folder in (work, root, work / "exits"):
            folder.mkdir(parents=True, exist_ok=True)
        self.config = json.loads((model / "config.json").read_text())
        self.watched = {}  # of a container, a descriptor of its conmon

    def options(self, bundle):
        return ["--root", self.root, "--log", bundle / "runtime.log", "--log-format", "json"]

    def make_bundle(self, name):
        config = {**self.config, "linux": {**self.config["linux"], "cgroupsPath": f"/drover-bench/{name}"}}
        bundle = self.work / name
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(config))

    def run_one(self, name):
        bundle = self.work / name
        heard, told = os.pipe()
        os.set_inheritable(told, True)
        words = ["/usr/bin/conmon", "--api-version", "1", "--cid", name, "--cuuid", name, "--name", name, "--runtime",
                 self.program, "--bundle", bundle, "--container-pidfile", bundle / "pid", "--conmon-pidfile",
                 bundle / "monitor", "--exit-dir", self.work / "exits", "--log-path", f"k8s-file:{bundle}/log",
                 "--full-attach", "--runtime-arg", f"--root={self.root}", "--runtime-arg", f"--log={bundle}/runtime.log",
                 "--runtime-arg", "--log-format=json"]
        conmon = os.posix_spawn(words[0], [str(word) for word in words], {**os.environ, "_OCI_SYNCPIPE": str(told)},
                                setpgroup=0)
        os.close(told)
        os.waitpid(conmon, 0)
        with open(heard, "rb") as answer:
            created = json.loads(answer.readline() or b"{}")
        assert created.get("data", -1) > 0, f"{name}: {created} {(bundle / 'runtime.log').read_text()}"
        start = os.posix_spawn(self.program, [str(word) for word in [self.program, *self.options(bundle), "start", name]],
                               os.environ)
        _, status = os.waitpid(start, 0)
        assert status == 0, f"{name}: start {status}"

    def run(self, names):
        for name in names:
            self.make_bundle(name)
        if len(names) == 1:
            begun = time.perf_counter()
            self.run_one(names[0])
            return time.perf_counter() - begun
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(time.sleep, [0.05] * len(names)))  # its threads are there
            begun = time.perf_counter()
            list(pool.map(self.run_one, names))
            return time.perf_counter() - begun

    def remove(self, names):
        for name in names:
            bundle = self.work / name
            with contextlib.suppress(OSError):
                conmon = os.pidfd_open(int((bundle / "monitor").read_text()))
                subprocess.run([self.program, *self.options(bundle), "delete", "--force", name], check=True)
                select.select([conmon], [], [], WAIT_S)
                os.close(conmon)
            shutil.rmtree(bundle, ignore_errors=True)

    def clean(self):
        self.remove([folder.name for folder in self.work.iterdir() if (folder / "monitor").exists()])
        for group in [*pathlib.Path("/sys/fs/cgroup").glob("*/drover-bench"), pathlib.Path("/sys/fs/cgroup/drover-bench")]:
            with contextlib.suppress(OSError):
                os.rmdir(group)


def told(name, seconds):
    ms = [1000 * one for one in seconds]
    return (f"{name}: {statistics.median(ms):.1f} ms (p50), {statistics.quantiles(ms, n=10)[-1]:.1f} ms (p90), "
            f"{min(ms):.1f} ms (least)")


def measure(node, runtime, chosen):
    """Whether the bounds hold."""
    security = {"security": {"seccomp": "unconfined"}} if chosen.no_seccomp else {}
    drovers = Drovers(node, runtime, security)
    drovers.run(["model"])
    state = pathlib.Path(node.config["runtime"]["state_folder"])
    bares = Bares(state / "bare", state / "containers/model/bundle", shutil.which(runtime), node.work / "run" / f"bare-{runtime}")
    sides = [("ours", drovers), ("bare", bares)]
    alone = {"ours": [], "bare": []}
    at_once = {"ours": [], "bare": []}
    try:
        for results, rounds, count in ((alone, chosen.rounds + 1, 1), (at_once, chosen.bursts, AT_ONCE)):
            for number in range(rounds):
                for side, containers in sides[::1 if number % 2 else -1]:
                    names = [f"{side}-{count}-{number}-{one}" for one in range(count)]
                    results[side].append(containers.run(names))
                    containers.remove(names)
    finally:
        bares.clean()
    drovers.remove(["model"])
    drovers.close()
    ratio = statistics.median(alone["ours"][1:]) / statistics.median(alone["bare"][1:])  # the first ones warm up
    print(f"{runtime}, {chosen.rounds} rounds of one:")
    for side, _ in sides:
        print("  " + told(side, alone[side][1:]))
    print(f"  ratio at p50 {ratio:.3f}")
    cores = len(os.sched_getaffinity(0))
    print(f"{runtime}, {AT_ONCE} at once, {chosen.bursts} times, on {cores} cores:")
    gain = {}
    for side, _ in sides:
        rate = AT_ONCE / statistics.median(at_once[side])
        gain[side] = rate * statistics.median(alone[side][1:])
        print(f"  {side}: {rate:.1f} containers/s, {gain[side]:.2f} times as many as one after the other")
    together = statistics.median(at_once["ours"]) / statistics.median(at_once["bare"])
    print(f"  ratio at p50 {together:.3f}", flush=True)
    return ratio <= MOST_RATIO and gain["ours"] >= SHARE_OF_CORES * min(cores, gain["bare"])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--runtime", choices=["runc", "crun"], action="append")
    arguments.add_argument("--rounds", type=int, default=200, metavar="N")
    arguments.add_argument("--bursts", type=int, default=15, metavar="N")
    arguments.add_argument("--no-seccomp", action="store_true", help="without a filter of system calls, which costs both the same")
    chosen = arguments.parse_args()
    build = chosen.build.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it clears away what it has made
    node = Node(build)
    (node.work / "run").mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "tmpfs", str(node.work / "run"))  # goes with the node's folder
    with file_system(build) as disk:
        node.config["runtime"]["state_folder"] = str(disk / "state")
        node.write_config()
        try:
            node.start()
            held = [measure(node, runtime, chosen) for runtime in chosen.runtime or ["runc", "crun"]]
        finally:
            node.tear_down()
    if not all(held):
        print(f"more than {MOST_RATIO} times the bare one's time, or {AT_ONCE} at once do not use all cores")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
