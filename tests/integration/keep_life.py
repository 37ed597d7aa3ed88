#!/usr/bin/python3
"""Containers that a whole node keeps running: restart policies and probes.

keep_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

from whole_node import PATIENCE, SERVE, EventStream, Node, expect_events_of_schema

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
# Counts its starts in its own root.
COUNT = "echo start >> /starts; "
LINES, LINE = 100_000, "%06d " + "x" * 93
# Ten million bytes within some seconds, then it waits to be told.
PRINTS = ("awk 'BEGIN { for (i = 0; i < %d; ++i) { printf \"%s\\n\", i; if (i %% 4000 == 3999) "
          "{ fflush(); system(\"sleep 0.1\") } } }'; until test -f /end; do sleep 0.1; done") % (LINES, LINE)


def is_over(pid):
    """It has ended, whether or not its parent has seen it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class KeepLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD)
        cls.node.config["log"] = {"max_size_mib": 2, "max_files": 12}
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        etcd = subprocess.Popen(["etcd", "--data-dir", cls.node.work / "etcd", "--log-level", "error",
                                 "--heartbeat-interval", "50", "--election-timeout", "500"],
                                stdout=subprocess.DEVNULL, stderr=cls.node.log)
        cls.addClassCleanup(etcd.wait)
        cls.addClassCleanup(etcd.kill)
        cls.node.config["etcd"] = {"endpoints": ["http://127.0.0.1:2379"], "ttl_s": 6, "grace_s": 1}
        cls.node.write_config()
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()
        cls.stream = EventStream(cls.node)

    def run_kept(self, name, *words, script):
        self.node.drover("run", "--runtime", "runc", "--name", name, *words, "--", "sh", "-c", COUNT + script)
        self.addCleanup(self.node.drover, "rm", "--force", name, check=False)

    def starts(self, name):
        return self.node.drover("exec", name, "--", "cat", "/starts").stdout.count("start")

    def await_health(self, name, health):
        deadline = time.monotonic() + 30
        while (seen := self.node.inspect(name).get("health")) != health:
            self.assertLess(time.monotonic(), deadline, f"{name} is {seen}")
            time.sleep(0.05)

    def crash(self, name):
        os.kill(self.node.await_status(name, "running")["pid"], signal.SIGKILL)

    def test_a_container_that_crashes_is_started_again(self):
        self.run_kept("crashes", "--restart", "on-failure", script=SERVE % 0)
        first = self.node.await_status("crashes", "running")["pid"]
        self.crash("crashes")
        self.node.await_status("crashes", "backoff")
        again = self.node.await_status("crashes", "running")
        self.assertNotEqual(again["pid"], first)
        self.assertEqual(again["restarts"], {"count": 1, "in_row": 1})
        self.assertEqual(self.starts("crashes"), 2)
        self.node.drover("stop", "crashes")
        stopped = self.node.inspect("crashes")
        self.assertEqual((stopped["status"], stopped["exit"]["code"]), ("stopped", 0))

    def test_one_in_back_off_is_started_once_by_the_next_agent(self):
        self.run_kept("outlives", "--restart", "always", script=SERVE % 0)
        self.crash("outlives")
        waiting = self.node.await_status("outlives", "backoff")
        self.assertEqual(waiting["exit"]["code"], 137)
        self.assertIn("again at", self.node.drover("ps").stdout)
        self.node.end(signal.SIGKILL)
        self.node.start()
        self.node.await_status("outlives", "running")
        self.assertEqual(self.starts("outlives"), 2)

    def test_a_long_log_is_whole_in_its_files_also_over_an_agents_end(self):
        names = {runtime: f"prints-{runtime}" for runtime in ("runc", "crun", "lxc")
                 if runtime != "crun" or shutil.which("crun")}
        for runtime, name in names.items():
            self.node.drover("run", "--runtime", runtime, "--name", name, "--", "sh", "-c", PRINTS)
            self.addCleanup(self.node.drover, "rm", "--force", name, check=False)
        follower = self.node.begin("logs", "-f", names["runc"])
        time.sleep(1)
        self.node.end(signal.SIGKILL)
        time.sleep(0.5)
        self.node.start()
        printed = "".join(LINE % i + "\n" for i in range(LINES))
        for name in names.values():
            with self.subTest(name=name):
                log = self.node.work / "state/containers" / name / "log"
                deadline = time.monotonic() + 30
                while not (kept := self.node.drover("logs", name).stdout).endswith(LINE % (LINES - 1) + "\n"):
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.1)
                self.assertTrue(kept == printed, f"{len(kept)} bytes of {len(printed)}")
                # The monitor of lxc counts each byte. conmon begins a file when droverd tells it to, so how much a file
                # takes is the program's haste and the time without an agent.
                begun = 5 if "lxc" in name else 2
                while len(files := list(log.parent.glob("log*"))) < begun:
                    self.assertLess(time.monotonic(), deadline, files)
                    time.sleep(0.1)
                self.assertLessEqual(len(files), 12)
                if "lxc" in name:
                    self.assertLess(max(file.stat().st_size for file in files), (2 << 20) + 200)
                # It may end with the container that it ends.
                self.node.drover("exec", name, "--", "touch", "/end", check=False)
                self.node.await_status(name, "stopped")
        followed, complaints = follower.communicate(timeout=30)
        self.assertTrue(followed == printed, f"{len(followed)} bytes of {len(printed)}, {complaints}")
        lines = printed.splitlines(keepends=True)
        for name in names.values():
            self.assertEqual(self.node.drover("logs", "--tail", "3", name).stdout, "".join(lines[-3:]))
            middle, text = self.node.drover("logs", "-t", name).stdout.splitlines()[LINES // 2].split(" ", 1)
            since = self.node.drover("logs", "--since", middle, name).stdout
            self.assertTrue(printed.endswith(since) and text in since[:1 << 20],
                            f"{name}, since {middle}: {len(since)} bytes, {since[:100]} ... {since[-100:]}")
            until = self.node.drover("logs", "--until", middle, name).stdout
            self.assertTrue(printed.startswith(until) and text in until[-(1 << 20):], until[-100:])
            self.assertEqual(self.node.drover("logs", "--since", "0s", name).stdout, "")
        self.node.drover("rm", names["runc"])
        after = self.node.drover("logs", names["runc"]).stdout
        self.assertTrue(after == printed, f"{len(after)} bytes of {len(printed)} after its deletion")

    def test_its_attempts_are_used_up(self):
        done = self.node.drover("run", "--runtime", "runc", "--name", "loops", "--restart", "always:1", "--wait",
                                "--", "sh", "-c", COUNT + "wc -l < /starts; exit 5", check=False)
        self.addCleanup(self.node.drover, "rm", "--force", "loops", check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(done.stdout.split(), ["1", "2"])
        self.assertTrue(self.node.inspect("loops")["restarts"]["gave_up"])

    def test_an_unhealthy_container_is_ended_and_started_again(self):
        words = ["--restart", "on-failure", "--probe-interval", "1", "--probe-failures", "2", "--probe-http", "8080/",
                 "--probe-exec", "test -f /ok"]
        self.run_kept("ill", *words,
                      script="mkdir -p /www; echo hello > /www/index.html; httpd -p 8080 -h /www; touch /ok; " + SERVE % 0)
        self.await_health("ill", "healthy")
        probes = {probe["name"]: probe for probe in self.node.inspect("ill")["probes"]}
        self.assertEqual({name: probe["ok"] for name, probe in probes.items()}, {"http-8080": True, "exec": True})
        for what, said in (["rm", "/ok"], "test ended with 1"), (["killall", "httpd"], "Connection refused"):
            first = self.node.inspect("ill")["pid"]
            self.node.drover("exec", "ill", "--", *what)
            self.node.await_status("ill", "backoff")
            self.assertEqual(self.node.inspect("ill")["exit"]["code"], 0, "it obeyed its stop signal")
            self.await_health("ill", "healthy")
            self.assertNotEqual(self.node.inspect("ill")["pid"], first)
            self.assertIn(said, self.node.drover("events").stdout)
        self.assertEqual(self.starts("ill"), 3)

    def claim_file(self, name):
        return json.loads((self.node.work / "run/claims" / name).read_text())

    def await_true(self, what, condition):
        deadline = time.monotonic() + 60 * PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def test_a_singleton_outlives_its_agent_and_ends_with_its_claim(self):
        """Another node is whoever else asks the same etcd: here nobody needs to, the lease runs out all the same."""
        names = {runtime: f"single-{runtime}" for runtime in ("runc", "crun", "lxc")
                 if runtime != "crun" or shutil.which("crun")}
        for runtime, name in names.items():
            self.addCleanup(self.node.drover, "rm", "--force", name, check=False)
            self.node.drover("run", "--runtime", runtime, "--name", name, "--singleton", "--restart", "always", "--",
                             "sh", "-c", "echo attempt $DROVER_ATTEMPT; " + SERVE % 0)
        before = {name: self.node.inspect(name) for name in names.values()}
        self.assertEqual({seen["claim"]["attempt"] for seen in before.values()}, {1})
        self.node.end(signal.SIGKILL)
        self.node.start()
        old = {name: self.claim_file(name) for name in before}
        for name, claim in old.items():
            self.await_true(f"{name} is renewed", lambda name=name, claim=claim: self.claim_file(
                name)["good_until_ns"] > claim["good_until_ns"])
            self.assertEqual(self.claim_file(name)["lease"], claim["lease"])
            self.assertEqual(self.node.inspect(name)["pid"], before[name]["pid"], "it ran on")
        self.node.agent.send_signal(signal.SIGSTOP)
        try:
            for name, seen in before.items():
                self.await_true(f"{name} has ended", lambda seen=seen: is_over(seen["pid"]))
        finally:
            self.node.agent.send_signal(signal.SIGCONT)
        for name in before:
            self.await_true(f"{name} runs again", lambda name=name: self.node.inspect(name).get(
                "claim", {}).get("attempt", 0) > 1 and self.node.inspect(name)["status"] == "running")
            said = self.node.drover("logs", name).stdout
            self.assertIn(f"attempt {self.node.inspect(name)['claim']['attempt']}\n", said)

    def test_z_its_events_are_as_the_schema_says(self):
        """The last of all: the stream followed the node through the other tests."""
        code, complaints, events = self.stream.end()
        self.assertEqual((code, complaints), (130, ""))
        expect_events_of_schema(self, events)
        kinds = {event["type"] for event in events}
        self.assertLessEqual({f"drover.container.{what}" for what in ["backoff", "gave_up", "healthy", "unhealthy"]},
                             kinds)
        own = [event for event in events if event["data"].get("by") == "restart policy"]
        self.assertEqual({event["data"]["verb"] for event in own}, {"container.start"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
