#!/usr/bin/python3
"""Ends droverd by SIGKILL wherever it turns the log of a container over to another file, and wherever it joins the files.

log_points.py BUILD, in a mount and a network namespace of its own. A program prints numbered lines for some seconds, more than
a file of its log holds. After each crash the agent is started again. Then what is kept is without a gap up to the last line,
before the container is deleted and after, and no part of it is left behind.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from crash_table import CrashTable, add_sample  # noqa: E402

BATCHES, LINES = 5, 9000
# About 1.3 MiB of log in each batch, and time to turn it over before the next.
TEXT = "x" * 100
PROGRAM = (f"b=0; while [ $b -lt {BATCHES} ]; do busybox awk -v n=$((b * {LINES})) "
           f"'BEGIN {{ for (i = 0; i < {LINES}; i++) print n + i, \"{TEXT}\" }}'; b=$((b + 1)); sleep 1.2; done")
POINTS = {"container.run": {"log turned in part", "log set aside before its monitor is told"},
          "container.delete": {"log joined before its parts go"}}


class Logs(CrashTable):
    def __init__(self, chosen):
        super().__init__(chosen.build.resolve(), chosen)
        self.count = 0

    def job(self, verb, **more):
        self.count += 1
        return {"id": f"job-{self.count}", "verb": verb, "target": "chatty", **more}

    def status(self):
        return self.client.query("container", name="chatty")["status"]

    def goes_on(self):
        seen = self.client.ask("query", "query.container", {"name": "chatty"}, timeout=0.05)
        return seen is None or seen[1].get("status") == "running"  # None: busy, or it has just ended at the point

    def gaps(self, when):
        """What is wrong with what is kept of the log, as texts."""
        kept = [int(line.split()[0]) for line in self.node.drover("logs", "chatty").stdout.splitlines()]
        last = BATCHES * LINES - 1
        if not kept or kept != list(range(kept[0], last + 1)):
            gap = [(a, b) for a, b in zip(kept, kept[1:]) if b != a + 1][:3]
            return [f"{when} {len(kept)} lines are kept, to {kept[-1:]}, with gaps at {gap}"]
        return []

    def once(self, verb=None, point=None):
        log = {"max_size_mib": 1, "max_files": 4}
        run = self.job("container.run", spec={"runtime": "crun", "command": ["sh", "-c", PROGRAM], "log": log,
                                              "networks": []})
        at = {verb: point}
        ended = self.do(run, at.get("container.run"), goes_on=self.goes_on)
        assert ended["state"] == "succeeded", ended
        deadline = time.monotonic() + 60
        while self.status() == "running" and time.monotonic() < deadline:
            time.sleep(0.05)
        passed = {"container.run": set(self.passed())}
        wrong = self.gaps("of the ended one")
        delete = self.job("container.delete")
        ended = self.do(delete, at.get("container.delete"))
        if ended["state"] != "succeeded":
            wrong.append(f"the deletion has {ended['state']}: {ended.get('error')}")
        passed["container.delete"] = set(self.passed())
        wrong += self.gaps("of the deleted one")
        state = self.node.work / "state"
        wrong += [f"left behind: {path}" for path in (state / "containers").glob("*")]
        wrong += [f"left behind: {path}" for path in (state / "deleted").glob("*") if path.suffix not in (".log", ".json")]
        self.record(verb or "a log", point, None, wrong)
        return passed

    def all(self):
        passed = self.once()
        for verb, points in POINTS.items():
            for point in sorted(points):
                assert point in passed[verb], f"{verb} does not pass {point!r}: {sorted(passed[verb])}"
                self.once(verb, point)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    add_sample(arguments)
    table = Logs(arguments.parse_args())
    return table.run(table.all)


if __name__ == "__main__":
    sys.exit(main())
