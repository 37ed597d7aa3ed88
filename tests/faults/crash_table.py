"""What the tables of crash points share: a node whose agent ends by SIGKILL at a point of their choice, and is started again.

agent/system/crash_point.h: the agent writes the points that it passes to one file, ends at the one that another names, and
waits at the one that a third names.
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
    arguments.add_argument("--cancel", action="store_true", help="with the job cancelled before")


class CrashTable:
    def __init__(self, build, chosen, **more):
        """`chosen` as the command line has it (add_sample)."""
        self.cancels = chosen.cancel
        every, first = chosen.every, chosen.first
        # Counted through all scenarios, so that a sample has some of each.
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

    def has_ended(self, job):
        seen = self.client.ask("query", "query.job", {"id": job["id"]}, timeout=0.05)
        return bool(seen) and seen[0] == "answer" and seen[1]["state"] in FINAL

    def await_crash(self, job, goes_on=lambda: False):
        """Or the job's end, and whatever goes on after that: what it passes may depend on how fast a program ends."""
        deadline = time.monotonic() + 60
        while self.node.agent.poll() is None and time.monotonic() < deadline:
            if self.has_ended(job) and not goes_on():
                # The last points come behind the end.
                time.sleep(0.1)
                return

    def do(self, job, point=None, cancel_at=None, goes_on=lambda: False):
        """Sends the job, and with `cancel_at` has it cancelled while it is there. With a crash at the point if there is
        one; that at `cancel_at` itself comes when the cancel was accepted. How the job has ended."""
        (self.folder / "passed").write_text("")
        if point and point != cancel_at:
            (self.folder / "at").write_text(point)
        if cancel_at:
            (self.folder / "held").write_text("")
            (self.folder / "hold").write_text(cancel_at)
        self.submit(job)
        if cancel_at:
            self.cancel(job)
            if point == cancel_at and self.node.agent.poll() is None:
                self.node.end(signal.SIGKILL)
            (self.folder / "hold").unlink()
        if point:
            self.await_crash(job, goes_on)
            (self.folder / "at").unlink(missing_ok=True)
            if self.node.agent.poll() is None:
                self.missed += 1
            else:
                self.crashes += 1
                self.start_agent()
                self.submit(job)
        return self.client.await_end(job["id"])

    def cancel(self, job):
        """Once it is held; unless it never comes there."""
        deadline = time.monotonic() + 60
        while not (self.folder / "held").read_text():
            if self.node.agent.poll() is not None or self.has_ended(job) or time.monotonic() > deadline:
                return
        answer = self.client.submit({"id": f"cancel-{job['id']}", "verb": "job.cancel", "target": job["id"]}, timeout=1)
        died = answer is None and self.node.agent.wait(1) is not None
        assert died or answer[0] == "job.accepted", f"cancel {job['id']}: {answer}"

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

    def record(self, what, point, cancel_at, wrong):
        how = ", ".join([f"cancelled at {cancel_at!r}"] * bool(cancel_at) + [f"at {point!r}"] * bool(point))
        for fault in wrong:
            self.faults.append(f"{what}, {how or 'undisturbed'}: {fault}")
            print("FAULT", self.faults[-1], flush=True)

    def each(self, what, once):
        """`once(point, cancel_at)` does a scenario and returns the points passed. Undisturbed; with a crash at each point;
        cancelled at each point, with a crash there; and cancelled late, with a crash wherever things are taken back."""
        begun, crashes = time.monotonic(), self.crashes
        points = once(None, None)
        assert len(points) > 1, f"{what}: only {points} are passed; is this a build with crash points?"
        cases = [(point, None) for point in points]
        if self.cancels:
            cases = [(point, point) for point in points if point.endswith((" intent", " act", " undo"))]
            if begun_last := [point for point in points if point.endswith(" intent")][-1:]:
                undoing = once(None, begun_last[0])
                cases += [(point, begun_last[0]) for point in undoing[undoing.index(begun_last[0]) + 1:]]
        for case in [case for case in cases if next(self.is_chosen)]:
            once(*case)
        print(f"{what}: {self.crashes - crashes} crashes, {time.monotonic() - begun:.1f} s", flush=True)

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
