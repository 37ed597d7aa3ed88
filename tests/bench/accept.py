#!/usr/bin/python3
"""How many jobs a second one node takes, and how long one waits until it is taken.

accept.py BUILD [--jobs N] [--rounds N], in a mount and a network namespace of its own. A job counts as taken when it was checked, is
on the disk and the client has heard so. Beside it, on the same disk and with the same messages, the floor: a ROUTER that writes what
has come by one transaction of SQLite (WAL, synchronous FULL) and sends it back. Both are asked with 128 jobs in flight, and one by
one. The node's only worker is busy, so that what is measured is their acceptance and not their doing. Two kinds: container.run, with a
spec to check and an image to look for, and container.stop, which has none. Ends with 1 when it is less than is asked for.
"""

import argparse
import contextlib
import json
import pathlib
import signal
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/integration"))
sys.path.insert(0, str(TOP / "packaging/examples/python"))

from drover_client import new_id  # noqa: E402
from file_system import file_system  # noqa: E402
from whole_node import Client, Node, sh  # noqa: E402

IN_FLIGHT = 128
LEAST_PART = 0.6  # of the floor's
LEAST_PER_SECOND = 40_000
MOST_ALONE_US = 350


def load(build, socket, kind, prefix, jobs, in_flight):
    done = subprocess.run([build / "tests/bench/bench_accept", "load", str(socket), kind, prefix, str(jobs), str(in_flight)],
                          stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return json.loads(done.stdout)


def begin_anew(node):
    """With an empty journal, so that each round has as many jobs waiting as the others. What waited is forgotten, and not done: the
    node begins with what its container says of itself."""
    if node.agent is not None:
        node.end(signal.SIGKILL)
        for file in pathlib.Path(node.config["runtime"]["state_folder"]).glob("journal.db*"):
            file.unlink()
    node.start()


def hold_worker(node):
    """By a stop that waits for a program which does not heed it."""
    client = Client(node)
    if "held" not in node.names():
        client.run({"id": "held", "verb": "container.run", "target": "held",
                    "spec": {"runtime": "crun", "command": ["sh", "-c", 'trap "" TERM; while :; do sleep 1; done']}})
    hold = {"id": new_id(), "verb": "container.stop", "target": "held", "options": {"grace_s": 3600}}
    client.submit(hold)
    while client.query("job", id=hold["id"])["state"] != "running":
        pass
    client.close()


@contextlib.contextmanager
def floor(build, folder):
    server = subprocess.Popen([build / "tests/bench/bench_accept", "floor", str(folder / "floor.sock"), str(folder / "floor.db")])
    try:
        yield folder / "floor.sock"
    finally:
        server.kill()
        server.wait()


def measure(build, node, floor_socket, kind, chosen):
    """Whether the bounds hold."""
    sides = [("node", node.bus / "jobs.sock"), ("floor", floor_socket)]
    busy = {side: [] for side, _ in sides}
    alone = {side: [] for side, _ in sides}
    for number in range(chosen.rounds + 1):
        begin_anew(node)
        hold_worker(node)
        for side, socket in sides[::1 if number % 2 else -1]:
            for figures, jobs, in_flight in ((busy, chosen.jobs, IN_FLIGHT), (alone, chosen.jobs // 20, 1)):
                told = load(build, socket, kind, f"{kind}-{number}-{in_flight}", jobs, in_flight)
                if number > 0:  # the first ones warm up
                    figures[side].append(told)
    rate = {side: statistics.median(one["per_second"] for one in busy[side]) for side, _ in sides}
    wait = {side: statistics.median(one["p50_us"] for one in alone[side]) for side, _ in sides}
    print(f"container.{kind}, {chosen.rounds} rounds of {chosen.jobs}, {IN_FLIGHT} in flight:")
    for side, _ in sides:
        p99 = statistics.median(one["p99_us"] for one in busy[side])
        print(f"  {side}: {rate[side]:.0f} jobs/s, {p99:.0f} us (p99); one by one {wait[side]:.0f} us (p50)")
    part = rate["node"] / rate["floor"]
    print(f"  {100 * part:.0f} % of the floor; one by one {wait['node'] / wait['floor']:.2f} times its wait", flush=True)
    return part >= LEAST_PART and rate["node"] >= LEAST_PER_SECOND and wait["node"] <= MOST_ALONE_US


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--jobs", type=int, default=10_000, metavar="N", help="in one round; each takes a descriptor of the agent")
    arguments.add_argument("--rounds", type=int, default=5, metavar="N")
    arguments.add_argument("--kind", choices=["run", "stop"], action="append")
    chosen = arguments.parse_args()
    build = chosen.build.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it clears away what it has made
    node = Node(build)
    (node.work / "run").mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "tmpfs", str(node.work / "run"))  # goes with the node's folder
    with file_system(build) as disk:
        node.config["runtime"] |= {"state_folder": str(disk / "state"), "workers": 1}
        node.config["bus"] |= {"queue": 1_000_000, "queue_mib": 10_000}
        node.write_config()
        try:
            with floor(build, disk) as socket:
                held = [measure(build, node, socket, kind, chosen) for kind in chosen.kind or ["run", "stop"]]
        finally:
            begin_anew(node)
            node.tear_down()
    if not all(held):
        print(f"less than {100 * LEAST_PART:.0f} % of the floor, {LEAST_PER_SECOND} jobs/s, or more than {MOST_ALONE_US} us alone")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
