#!/usr/bin/python3
"""What users see of each fault that a Proxmox node can make (tests/pve-sim/faults.h), and what is left behind: nothing.

proxmox_faults.py BUILD, in a mount and a network namespace of its own.
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from leftovers import leftovers  # noqa: E402
from whole_node import Node  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
VOLUME = "POST /nodes/node1/storage/local/content"
GUEST = "POST /nodes/node1/lxc"


class ProxmoxFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, proxmox=True)
        cls.addClassCleanup(cls.node.tear_down)
        cls.node.start()

    def setUp(self):
        self.name = self._testMethodName.replace("_", "-")[5:45].strip("-")

    def tearDown(self):
        self.node.simulator.fault()
        self.assertEqual(leftovers(self.node, self.name), {})

    def run_container(self, *options, check=True):
        return self.node.drover("run", "--runtime", "runc", "--name", self.name, "--volume", "data:/data:8", "--network",
                                "eth0=vmbr0", *options, "--", "sleep", "1000", check=check)

    def run_guest(self, *options, check=True):
        return self.node.drover("run", "--runtime", "pve-lxc", "--name", self.name, "--image",
                                "local:vztmpl/busybox.tar.gz", "--network", "eth0=vmbr0", *options, check=check)

    def remove(self):
        self.node.drover("rm", "--force", self.name)

    def jobs(self):
        jobs = json.loads(self.node.drover("jobs", "--json").stdout)
        return jobs if isinstance(jobs, list) else jobs["jobs"]

    def last_job(self):
        """As `drover jobs` shows it, with its events."""
        job = next(job for job in self.jobs() if job["target"] == self.name and job["verb"] == "container.run")
        lines = self.node.drover("events", "--after", "0", "--json").stdout.splitlines()
        events = [event for event in map(json.loads, lines) if event["subject"] == job["id"]]
        return job, events

    def assert_tried_again(self, because):
        job, events = self.last_job()
        self.assertEqual((job["state"], job["attempt"]), ("succeeded", 2))
        told = [event["data"]["message"] for event in events if event["type"] == "drover.job.retrying"]
        self.assertEqual(len(told), 1)
        self.assertIn(because, told[0])

    def test_nobody_takes_the_request_595(self):
        self.node.simulator.fault(f"refused 1 {VOLUME}")
        self.run_container()
        self.assert_tried_again("595")
        self.remove()

    def test_nobody_ever_takes_the_request_595(self):
        self.node.simulator.fault(f"refused 9 {VOLUME}")
        done = self.run_container("--attempts", "2", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("595", done.stderr)
        self.assertEqual(self.last_job()[0]["attempt"], 2)

    def test_the_answer_is_lost_596(self):
        """It is looked for, found, and not made twice."""
        self.node.simulator.fault(f"lost 1 {VOLUME}")
        self.run_container()
        self.assertEqual(self.last_job()[0]["attempt"], 1)
        self.remove()

    def test_the_answer_of_a_guest_is_lost_596(self):
        self.node.simulator.fault(f"lost 1 {GUEST}")
        self.run_guest()
        guests = list((self.node.simulator.folder / "guests").iterdir())
        self.assertEqual(len(guests), 1, guests)
        self.assertEqual(self.last_job()[0]["attempt"], 1)
        self.remove()

    def test_the_answers_of_a_guests_life_are_lost_596(self):
        """Each is done, found done, and succeeds at its first attempt."""
        for request, act in (
            ("PUT /nodes/node1/lxc", self.run_guest),
            ("POST /nodes/node1/lxc/", lambda: self.node.drover("stop", self.name)),
            ("POST /nodes/node1/lxc/", lambda: self.node.drover("start", self.name)),
            ("POST /nodes/node1/lxc/", lambda: self.node.drover("kill", self.name)),
            ("DELETE /nodes/node1/lxc", lambda: self.node.drover("rm", "--force", self.name)),
        ):
            self.node.simulator.fault(f"lost 1 {request}")
            act()
            self.assertEqual(self.node.simulator.faults_left(), [])
        ours = {job["verb"]: (job["state"], job["attempt"]) for job in self.jobs() if job["target"] == self.name}
        self.assertEqual(set(ours.values()), {("succeeded", 1)}, ours)

    def test_the_answer_of_a_volumes_end_is_lost_596(self):
        self.run_container()
        self.node.simulator.fault("lost 1 DELETE /nodes/node1/storage/local/content")
        self.remove()
        self.assertEqual(self.node.simulator.faults_left(), [])

    def test_a_storages_lock_is_not_had(self):
        self.node.simulator.fault(f"lock 1 {VOLUME}")
        self.run_container()
        self.assert_tried_again("got timeout")
        self.remove()

    def test_a_guests_lock_is_not_had(self):
        self.node.simulator.fault("lock 1 vzstart")
        self.run_guest()
        self.assert_tried_again("got timeout")
        self.remove()

    def test_the_storage_is_full(self):
        self.node.simulator.fault(f"nospace 9 {VOLUME}")
        done = self.run_container(check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("No space left on device", done.stderr)
        self.assertIn("data", done.stderr, "which volume it was")

    def test_the_storage_is_full_for_a_guest(self):
        self.node.simulator.fault("nospace 9 vzcreate")
        done = self.run_guest(check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("No space left on device", done.stderr)

    def test_a_task_ends_with_warnings(self):
        """Which is success."""
        self.node.simulator.fault("warnings 1 vzcreate", "warnings 1 vzstart")
        self.run_guest()
        self.assertEqual(self.last_job()[0]["attempt"], 1)
        self.assertEqual(self.node.inspect(self.name)["status"], "running")
        self.remove()

    def test_a_task_is_known_late(self):
        self.node.simulator.fault("late 3 vzcreate", "late 3 vzstart")
        self.run_guest()
        self.assertEqual(self.last_job()[0]["attempt"], 1)
        self.remove()

    def test_the_api_is_down_for_a_moment(self):
        self.node.simulator.kill()
        run = self.node.begin("run", "--runtime", "runc", "--name", self.name, "--volume", "data:/data:8", "--network",
                              "eth0=vmbr0", "--", "sleep", "1000")
        self.node.await_event("drover.job.retrying", self.name)
        self.node.simulator.start()
        _, complaints = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 0, complaints)
        self.assertGreater(self.last_job()[0]["attempt"], 1)
        self.remove()


if __name__ == "__main__":
    unittest.main(verbosity=2)
