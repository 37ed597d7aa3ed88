"""What the tables of crash points share: a node whose agent ends by SIGKILL at a point of their choice, and is started again.

agent/system/crash_point.h: the agent writes the points that it passes to one file, and ends at the one that another names.
"""

import itertools
import signal
import sys
import time

from whole_node import FINAL, Client, Node


def add_sample(arguments):
    """The command line's words for a sample of the points."""
    arguments.add_argument("--every", type=int, default=1, metavar="N", help="every Nth point only")
    arguments.add_argument("--from", type=int, default=0, dest="first", metavar="K", help="beginning with the Kth, from 0")


class CrashTable:
    def __init__(self, build, every=1, first=0, **more):
        """Every `every`th point, counted through all scenarios, so that a sample has some of each."""
        self.is_chosen = (number % every == first for number in itertools.count())
        self.node = Node(build, **more)
        self.client = Client(self.node)
        self.folder = self.node.work / "crash"
        self.folder.mkdir()
        self.crashes = 0
        self.missed = 0  # points that were passed the first time only
        self.faults = []
        self.seq = 0

    def start_agent(self):
        self.node.start(DROVER_CRASH=str(self.folder))

    def submit(self, job):
        """Until it is accepted, over the agent's death, as every client does."""
        deadline = time.monotonic() + 60
        while self.node.agent.poll() is None:
            answer = self.client.submit(job, timeout=0.05)
            if answer is not None:
                assert answer[0] == "job.accepted", f"{job}: {answer}"
                return
            assert time.monotonic() < deadline, "neither an answer nor a crash"

    def await_crash(self, job):
        """Or the job's end: what it passes may depend on how fast a program ends."""
        deadline = time.monotonic() + 60
        while self.node.agent.poll() is None and time.monotonic() < deadline:
            seen = self.client.ask("query", "query.job", {"id": job["id"]}, timeout=0.05)
            if seen and seen[0] == "answer" and seen[1]["state"] in FINAL:
                # The last points come behind the end.
                time.sleep(0.1)
                return

    def do(self, job, point=None):
        """Sends the job, with a crash at the point if there is one; how the job has ended."""
        (self.folder / "passed").write_text("")
        if point:
            (self.folder / "at").write_text(point)
        self.submit(job)
        if point:
            self.await_crash(job)
            (self.folder / "at").unlink()
            if self.node.agent.poll() is None:
                self.missed += 1
            else:
                self.crashes += 1
                self.start_agent()
                self.submit(job)
        return self.client.await_end(job["id"])

    def passed(self):
        """The points since the job was sent."""
        return list(dict.fromkeys((self.folder / "passed").read_text().splitlines()))

    def ends(self, job):
        """How often its end was told. Takes each event once, so that it may be asked for once."""
        told = 0
        while events := self.client.query("events", after=self.seq, most=500)["events"]:
            self.seq = events[-1]["seq"]
            told += sum(event["subject"] == job["id"] and event["type"] in [f"drover.job.{state}" for state in FINAL]
                        for event in events)
        return told

    def record(self, what, point, wrong):
        for fault in wrong:
            self.faults.append(f"{what}, {'at ' + repr(point) if point else 'undisturbed'}: {fault}")
            print("FAULT", self.faults[-1], flush=True)

    def each(self, what, once):
        """`once(point)` does a scenario and returns the points passed: undisturbed, then with a crash at each of them."""
        begun = time.monotonic()
        points = once(None)
        assert len(points) > 4, f"{what}: only {points} are passed; is this a build with crash points?"
        chosen = [point for point in points if next(self.is_chosen)]
        for point in chosen:
            once(point)
        print(f"{what}: {len(chosen)} crashes, {time.monotonic() - begun:.1f} s", flush=True)

    def run(self, act):
        """Starts the agent, calls `act` and tears the node down; the exit code."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            self.start_agent()
            act()
        except BaseException:
            print((self.node.work / "droverd.log").read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            self.node.tear_down()
        print(f"{self.crashes} crashes, {self.missed} points not met again, {len(self.faults)} faults")
        return 1 if self.faults or self.missed > self.crashes / 10 else 0
