#!/usr/bin/python3
"""A whole node that loses its journal, its disk or its processes, with real containers.

journal_life.py BUILD_DIRECTORY, in a mount and a network namespace of its own (journal_life_test).
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import zmq

from python_examples import Address, Subscriber
from whole_node import SERVE, Client, Node, sh

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()


def resident(pid):
    """MiB."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


class Reader:
    """`drover events -f`, killed again and again, which goes on from its last line."""

    def __init__(self, node, *words):
        self.node = node
        self.words = words
        self.path = node.work / "-".join(("seen", *words))
        self.path.touch()
        self.process = None

    def events(self):
        text = self.path.read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def start(self):
        seen = self.events()
        after = f"{seen[-1]['droverepoch']}:{seen[-1]['seq']}" if seen else "0"
        with open(self.path, "a") as output:
            self.process = subprocess.Popen(
                [self.node.build / "agent/cli/drover", "--bus", self.node.bus, "events", "-f", "--json", "--after",
                 after, *self.words], stdout=output)

    def come_to(self, wanted):
        """Until its last event is one that `wanted` takes."""
        deadline = time.monotonic() + 30
        while not (seen := self.events()) or not wanted(seen[-1]):
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.words}: the last event is {seen[-1:]}")
            time.sleep(0.05)
        return seen

    def kill(self):
        self.process.kill()
        self.process.wait()
        text = self.path.read_text()
        self.path.write_text(text[:text.rfind("\n") + 1])  # half a line was not read


class JournalLife(unittest.TestCase):
    def setUp(self):
        self.node = Node(BUILD)
        self.addCleanup(self.node.tear_down)
        self.state = self.node.work / "state"
        self.journal = self.state / "journal.db"

    def serve(self, name, code, *options):
        self.node.drover("run", "--runtime", "runc", "--name", name, *options, "--", "sh", "-c", SERVE % code)
        return self.node.await_status(name, "running")["pid"]

    def events(self, kind):
        lines = self.node.drover("events", "--after", "0", "--json").stdout.splitlines()
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    def check(self, path=None):
        return self.node.drover("journal", "check", "--json", str(path or self.journal), check=False)

    def leaves_nothing(self):
        self.assertEqual(self.node.names(), [])
        self.assertEqual(os.listdir("/run/netns"), [])
        self.assertEqual(os.listdir(self.state / "volumes"), [])
        self.assertEqual(os.listdir(self.state / "containers"), [])
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        self.assertNotIn(str(self.state / "containers"), mounts)
        deadline = time.monotonic() + 10
        while set(os.listdir(self.state / "records")) != {"boot", "node"}:  # written behind the journal
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def zero_a_page(self):
        with open(self.journal, "r+b") as file:
            file.seek(self.journal.stat().st_size // 2 // 4096 * 4096)
            file.write(bytes(4096))

    def expect_new_snapshot(self, subscriber, epoch):
        """packaging/examples/python begins again with the new journal."""
        kind, body = next(subscriber)
        while kind == "event":  # of the old one
            self.assertEqual(body["droverepoch"], epoch)
            kind, body = next(subscriber)
        subscriber.close()
        self.assertNotEqual(body["epoch"], epoch)
        self.assertIn("runs", [container["name"] for container in body["containers"]])

    def test_a_damaged_journal_costs_no_container(self):
        damages = {
            "a page is zero": self.zero_a_page,
            "it is truncated": lambda: os.truncate(self.journal, self.journal.stat().st_size // 3 // 4096 * 4096),
            "it is no database": lambda: self.journal.write_text("hello\n" * 1000),
            "it is empty": lambda: os.truncate(self.journal, 0),
        }
        kept = 0
        for what, damage in damages.items():
            with self.subTest(what):
                self.node.start()
                pid = self.serve("runs", 21, "-v", "data:/data")
                self.serve("stopped", 22)
                self.node.drover("stop", "stopped")
                self.node.drover("network", "ensure", "apps", "--address", "10.84.0.1/24")
                self.node.drover("drain")
                epoch = json.loads(self.node.drover("node", "--json").stdout)["epoch"]
                subscriber = Subscriber(Address(self.node.bus))
                self.assertEqual(next(subscriber)[1]["epoch"], epoch)
                self.node.end()
                self.assertEqual(self.check().returncode, 0)
                damage()
                self.assertEqual(self.check().returncode, 1)
                self.node.start()
                self.assertNotEqual(json.loads(self.node.drover("node", "--json").stdout)["epoch"], epoch)
                self.expect_new_snapshot(subscriber, epoch)
                [told] = self.events("drover.node.journal_rebuilt")
                kept += what != "it is empty"
                self.assertEqual(len(list(self.state.glob("journal.db.corrupt-*Z*"))), kept)
                self.assertEqual(os.path.exists(told["data"]["file"]), what != "it is empty")
                self.assertEqual(told["data"]["containers"], 2)
                self.assertEqual(told["data"]["without_record"], [])
                self.assertEqual((told["data"]["networks"], told["data"]["drained"]), (["apps"], True))
                self.assertEqual(self.node.drover("network", "ls", "-q").stdout, "apps\n")
                self.assertEqual(self.node.drover("start", "stopped", check=False).returncode, 1)
                self.node.drover("undrain")
                self.node.drover("network", "rm", "apps")
                self.assertEqual(self.node.names(), ["runs", "stopped"])
                seen = self.node.inspect("runs")
                self.assertEqual((seen["status"], seen["pid"]), ("running", pid))
                self.assertEqual(self.node.inspect("stopped")["exit"]["code"], 22)
                self.node.drover("start", "stopped")
                self.node.drover("stop", "runs")
                self.assertEqual(self.node.inspect("runs")["exit"]["code"], 21)
                self.node.drover("rm", "runs")
                self.node.drover("rm", "--force", "stopped")
                self.leaves_nothing()
                self.node.end()

    def test_an_agent_whose_journal_breaks_ends_and_the_next_one_goes_on(self):
        self.node.start()
        pid = self.serve("runs", 5)
        client = Client(self.node)
        self.addCleanup(client.close)
        for number in range(300):  # more than a start reads of it
            client.submit({"id": f"nothing-{number}", "verb": "container.stop", "target": "nobody"})
        client.await_end("nothing-299")
        self.node.end()
        self.node.start()  # what it has not read yet it will read from the disk
        with open(self.journal, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (self.journal.stat().st_size - 4096))
        asked = self.node.drover("events", "--after", "0", check=False, timeout=30)
        self.assertNotEqual(asked.returncode, 0)
        self.assertEqual(self.node.agent.wait(30), 1)
        self.assertIn("is damaged", (self.node.work / "droverd.log").read_text())
        self.node.start()
        self.assertEqual(self.node.inspect("runs")["pid"], pid)
        self.assertEqual(len(self.events("drover.node.journal_rebuilt")), 1)
        self.node.drover("rm", "--force", "runs")
        self.leaves_nothing()

    def test_the_log_of_a_deleted_container_is_kept(self):
        self.node.start()
        self.node.drover("run", "--runtime", "runc", "--name", "short", "--wait", "--rm", "--", "sh", "-c",
                         "echo first; exit 3", check=False)
        self.assertEqual(self.node.drover("logs", "short").stdout, "first\n")
        seen = self.node.inspect("short")
        self.assertEqual((seen["status"], seen["exit"]["code"]), ("gone", 3))
        self.node.drover("run", "--runtime", "runc", "--name", "short", "--wait", "--", "echo", "second")
        self.assertEqual(self.node.drover("logs", "short").stdout, "second\n")
        self.node.drover("rm", "short")
        self.assertEqual(self.node.drover("logs", "short").stdout, "second\n")
        self.leaves_nothing()

    def test_a_full_disk_stops_no_container_and_loses_no_job(self):
        image = self.node.work / "disk"
        with open(image, "wb") as file:
            file.truncate(48 << 20)
        sh("mkfs.ext4", "-q", "-m", "0", str(image))
        self.state.mkdir()
        sh("mount", "-o", "loop", str(image), str(self.state))
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.state)], check=False)
        self.node.config["journal"] = {"reserve_mib": 8}
        self.node.write_config()
        self.node.start()
        pid = self.serve("runs", 9)
        client = Client(self.node)
        self.addCleanup(client.close)
        accepted = []
        filler = self.state / "filler"
        with open(filler, "wb", buffering=0) as file:
            for number in range(2000):
                answer = client.submit({"id": f"stop-{number}", "verb": "container.stop", "target": "nobody"})
                if answer[0] == "job.accepted":
                    accepted.append(f"stop-{number}")
                answer = client.submit({"id": f"start-{number}", "verb": "container.start", "target": "nobody"})
                if answer[0] == "job.accepted":
                    accepted.append(f"start-{number}")
                elif "is full" in answer[1]["message"]:
                    self.assertEqual(answer[1]["code"], "unavailable")
                    break
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), 1 << 20)
                file.seek(0, os.SEEK_END)
            else:
                self.fail("the disk was never full")
            self.assertGreater(len(accepted), 10)
            try:  # down to the last byte
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
            for number in range(200):
                answer = client.submit({"id": f"last-{number}", "verb": "container.stop", "target": "nobody"})
                if answer[0] == "job.accepted":
                    accepted.append(f"last-{number}")
            self.assertIsNotNone(json.loads(self.node.drover("node", "--json").stdout)["disk"]["full_since"])
            self.assertTrue(os.path.exists(f"/proc/{pid}"))
        filler.unlink()
        deadline = time.monotonic() + 30
        while json.loads(self.node.drover("node", "--json").stdout)["disk"]["full_since"] is not None:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        for job in accepted:
            self.assertEqual(client.await_end(job)["error"]["code"], "not_found", job)
        self.assertEqual(len(self.events("drover.node.disk_full")), 1)
        self.assertEqual(len(self.events("drover.node.disk_ok")), 1)
        self.assertEqual(self.check().returncode, 0)
        self.node.drover("rm", "--force", "runs")
        self.node.end()

    def front(self):
        children = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"],
                                  stdout=subprocess.PIPE, text=True, check=False).stdout.split()
        return int(children[0]) if children else None

    def test_no_kill_of_agent_front_or_subscriber_loses_a_job_or_an_event(self):
        self.node.start()
        reader, volumes = Reader(self.node), Reader(self.node, "--kind", "volume")
        for each in (reader, volumes):
            each.start()
            self.addCleanup(each.kill)
        client = Client(self.node)
        self.addCleanup(client.close)
        ids = [f"v{number}" for number in range(24)]
        for number, job in enumerate(ids):
            if number % 6 == 1:  # with the one before under way
                self.node.end(signal.SIGKILL)
                self.node.start()
            elif number % 6 == 3 and self.front():
                os.kill(self.front(), signal.SIGKILL)
            elif number % 6 == 5:
                reader.kill()
                reader.start()
            deadline = time.monotonic() + 30
            answer = None
            while answer is None or answer[0] != "job.accepted":
                self.assertLess(time.monotonic(), deadline, answer)
                answer = client.submit({"id": job, "verb": "volume.create", "target": f"data-{number}"}, timeout=0.5)
        for job in ids:
            self.assertEqual(client.await_end(job)["state"], "succeeded")
        head = client.query("node")["seq"]
        seen = reader.come_to(lambda event: event["seq"] >= head)
        self.assertEqual([event["seq"] for event in seen], list(range(1, head + 1)))
        for kind, names in (("job.accepted", ids), ("job.succeeded", ids),
                            ("volume.created", [f"data-{number}" for number in range(24)])):
            told = [event["subject"] for event in seen if event["type"] == f"drover.{kind}"]
            self.assertEqual(sorted(told), sorted(names), kind)
        # Who hears of volumes only, over the same kills, hears of each of them, in the same order.
        wanted = [event for event in seen if event["type"].startswith("drover.volume.")]
        self.assertEqual(volumes.come_to(lambda event: event["seq"] >= wanted[-1]["seq"]), wanted)
        some = self.node.drover("events", "--json", "--kind", "volume", "--name", "data-1*").stdout.splitlines()
        self.assertEqual(len(some), 11)

    def test_a_front_whose_agent_stands_still_stays_small(self):
        self.node.start()
        front = self.front()
        before = resident(front)
        context = zmq.Context()
        socket = context.socket(zmq.DEALER)
        self.addCleanup(context.term)
        self.addCleanup(socket.close, 0)
        socket.setsockopt(zmq.SNDHWM, 10)
        socket.connect(f"ipc://{self.node.bus}/jobs.sock")
        header = json.dumps({"v": 1, "kind": "job.submit", "rq": 1}).encode()
        text = "x" * 200_000
        os.kill(self.node.agent.pid, signal.SIGSTOP)
        busy = 0
        try:
            for number in range(1500):
                body = json.dumps({"id": f"j{number}", "verb": "container.run", "target": f"c{number}",
                                   "spec": {"image": "oci:/none:1", "env": {"A": text}}}).encode()
                socket.send_multipart([header, body])
                while socket.poll(0):
                    busy += json.loads(socket.recv_multipart()[0])["kind"] == "busy"
            deadline = time.monotonic() + 30
            while busy < 1300:
                self.assertTrue(socket.poll(10_000), f"{busy} were told to come again")
                busy += json.loads(socket.recv_multipart()[0])["kind"] == "busy"
                self.assertLess(time.monotonic(), deadline)
            # 300 MB were tried; 16 MiB wait for the agent, and libzmq has what it has.
            self.assertLess(resident(front) - before, 96)
        finally:
            os.kill(self.node.agent.pid, signal.SIGCONT)
        # It has much to catch up on first.
        deadline = time.monotonic() + 60
        while (asked := self.node.drover("node", "--json", check=False)).returncode != 0:
            self.assertLess(time.monotonic(), deadline, asked.stderr)
        self.assertEqual(json.loads(asked.stdout)["node"], "node1")


if __name__ == "__main__":
    unittest.main(verbosity=2)
