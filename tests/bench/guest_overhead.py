#!/usr/bin/python3
"""What Drover adds to Proxmox's own time when a pve-lxc container is run, stopped and deleted.

guest_overhead.py BUILD [--runs N], in a mount and a network namespace of its own. The simulator keeps when it answered a request
or worked at a task; what a job took beyond that, from its acceptance to its end, is ours: journal, threads, TLS, waking up.
Prints each verb's calls, and both times; ends with 1 when running one takes more of our own than the issue's 5 ms at the median.
"""

import argparse
import collections
import json
import pathlib
import re
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from whole_node import Client, Node  # noqa: E402

MOST_MS = 5.0
QUIET_S = {"container.run": 0.4, "container.stop": 2.4, "container.delete": 0.2}
IMAGE = "local:vztmpl/busybox.tar.gz"


def busy_ns(spans, begin, end):
    """How much of begin..end they cover together."""
    covered, reached = 0, begin
    for first, last in sorted(spans):
        first, last = max(first, reached), min(last, end)
        if last > first:
            covered += last - first
            reached = last
    return covered


def named(what):
    """A call without what differs from one guest to the next."""
    return re.sub(r"UPID:[^/]*", "UPID", re.sub(r"/lxc/\d+", "/lxc/VMID", what))


class Bench:
    def __init__(self, node):
        self.node = node
        self.client = Client(node)
        self.trace = node.simulator.folder / "trace"
        self.seen = 0
        self.count = 0
        self.own = collections.defaultdict(list)    # ms, by verb
        self.theirs = collections.defaultdict(list)
        self.calls = collections.defaultdict(collections.Counter)

    def job(self, verb, name, **more):
        self.count += 1
        before = self.trace.stat().st_size if self.trace.exists() else 0
        job = f"job-{self.count}"
        answer = self.client.submit({"id": job, "verb": verb, "target": name, **more})
        assert answer and answer[0] == "job.accepted", answer
        # Who asks again and again how far it is takes the time that is measured.
        time.sleep(QUIET_S[verb])
        ended = self.client.await_end(job)
        assert ended["state"] == "succeeded", ended
        with open(self.trace) as lines:
            lines.seek(before)
            spans = [json.loads(line) for line in lines]
        # The journal's times are whole milliseconds, cut off; so on average nothing is added or lost.
        begin, end = ended["created_at"] * 10**6, ended["ended_at"] * 10**6
        busy = busy_ns([(span["begin"], span["end"]) for span in spans], begin, end)
        self.own[verb].append((end - begin - busy) / 1e6)
        self.theirs[verb].append(busy / 1e6)
        self.calls[verb] = collections.Counter(
            named(span["what"]) for span in spans if not span["what"].startswith("task "))

    def once(self, number):
        name = f"guest-{number}"
        self.job("container.run", name, spec={"runtime": "pve-lxc", "image": IMAGE})
        self.job("container.stop", name)
        self.job("container.delete", name)

    def report(self):
        for verb, own in self.own.items():
            calls = self.calls[verb]
            print(f"{verb}: {sum(calls.values())} calls, our own {statistics.median(own):.1f} ms (p50), "
                  f"{statistics.quantiles(own, n=10)[-1]:.1f} ms (p90); Proxmox's {statistics.median(self.theirs[verb]):.1f} ms "
                  f"(p50), ratio {statistics.median(own) / statistics.median(self.theirs[verb]):.3f}")
            for what, count in sorted(calls.items()):
                print(f"  {count} {what}")
        return statistics.median(self.own["container.run"])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--runs", type=int, default=40, metavar="N")
    chosen = arguments.parse_args()
    node = Node(chosen.build.resolve(), proxmox=True, trace=True)
    try:
        node.start()
        bench = Bench(node)
        for number in range(chosen.runs):
            bench.once(number)
        own = bench.report()
    finally:
        node.tear_down()
    if own > MOST_MS:
        print(f"container.run: {own:.1f} ms of our own are more than {MOST_MS} ms")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
