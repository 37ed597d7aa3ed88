"""A whole node for tests: droverd with its front in a folder of its own, and whoever speaks to it.

Used in a mount and a network namespace of the test's own, as root.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import jsonschema
import zmq

from simulator import TOP, Simulator, sh

# How often the usual time is waited: in an emulated machine all is slow.
PATIENCE = int(os.environ.get("DROVER_TEST_PATIENCE", "1"))
# How a job ends.
FINAL = ("succeeded", "failed", "cancelled")
# Ends with its own code when it is asked to, soon after.
TRAP = 'trap "exit '
SERVE = TRAP + '%d" TERM; while :; do sleep 0.1; done'


def make_own_mounts():
    """What a test machine has and a node has not; in the caller's own mount namespace."""
    if os.path.ismount("/sys/fs/cgroup/unified"):
        # crun 1.8 takes a hybrid machine for a unified one, and would make folders below the mount.
        sh("umount", "/sys/fs/cgroup/unified")
        sh("mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup/unified")
    os.makedirs("/run/netns", exist_ok=True)
    sh("mount", "-t", "tmpfs", "tmpfs", "/run/netns")


def make_bridge():
    """Of all Proxmox nodes of the test."""
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "vmbr0", "type", "bridge")
    sh("ip", "address", "add", "10.83.0.1/24", "dev", "vmbr0")
    sh("ip", "link", "set", "vmbr0", "up")


def show_own_interfaces():
    """/sys shows the interfaces of whoever mounted it, and LXC looks for bridges there."""
    folder = tempfile.mkdtemp()
    sh("mount", "--rbind", "/sys/fs/cgroup", folder)
    sh("mount", "-t", "sysfs", "sysfs", "/sys")
    sh("mount", "--rbind", folder, "/sys/fs/cgroup")
    sh("umount", "-R", folder)
    os.rmdir(folder)  # and never what is in it: where one of these fails that is the machine's control groups


class Node:
    """"node1", or "other" beside that one on the same machine, for guests of Proxmox only: two agents would take each
    other's namespaces for leaks."""

    def __init__(self, build, proxmox=False, trace=False, simulator_options=(), other_of=None, name="node1"):
        self.build = build
        self.work = other_of.work / "other" if other_of else self.make_machine(proxmox)
        self.work.mkdir(exist_ok=True)
        name = "other" if other_of else name
        config = {
            "node": name,
            "runtime": {"state_folder": str(self.work / "state"), "run_folder": str(self.work / "run")},
            "container": {"default_image": f"oci:{self.work}/image:busybox"},
            "bus": {
                "front_user": "nobody",
                "front_program": str(build / "messaging/front/drover-front"),
                "lxc_program": str(build / "runtimes/lxc/drover-lxc"),
                "exec_program": str(build / "runtimes/sessions/drover-exec"),
                "storage_program": str(TOP / "proxmox/drover-storage"),
            },
        }
        self.simulator = None
        if proxmox:
            more = ["--trace", self.work / "sim/trace"] if trace else []
            self.simulator = Simulator(build, self.work, self.work / "image", *more, *simulator_options,
                                       node=name)
            config["proxmox"] = self.simulator.config
            config["storage"] = {"default": "local"}
            config["network"] = {
                "default_bridge": "vmbr0",
                "ranges": [{"bridge": "vmbr0", "subnet": "10.83.0.0/24", "first": "10.83.0.10",
                            "last": "10.83.0.99", "gateway": "10.83.0.1"}],
            }
        else:
            sh(str(TOP / "packaging/busybox-image"), str(self.work / "image"))
        self.config = config
        self.write_config()
        self.log = open(self.work / "droverd.log", "ab")
        self.bus = self.work / "run/bus"
        self.agent = None

    @staticmethod
    def make_machine(proxmox):
        """What is there before any node; the folder for it."""
        work = pathlib.Path(tempfile.mkdtemp(prefix="drover-node-"))
        make_own_mounts()
        if proxmox:
            show_own_interfaces()
            make_bridge()
        sh("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(work))
        return work

    def write_config(self):
        (self.work / "droverd.json").write_text(json.dumps(self.config))

    def start(self, **environment):
        assert self.agent is None or self.agent.poll() is not None, "a test that failed has left its agent running"
        self.agent = subprocess.Popen(
            [self.build / "agent/daemon/droverd", "--config", self.work / "droverd.json"], stderr=self.log,
            env={**os.environ, **environment})
        deadline = time.monotonic() + 30 * PATIENCE
        client = Client(self)
        while client.ask("query", "query.node", {}, timeout=0.05 * PATIENCE) is None:
            if self.agent.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("droverd did not start:\n" + (self.work / "droverd.log").read_text())
        client.close()

    def end(self, number=signal.SIGTERM):
        self.agent.send_signal(number)
        self.agent.wait(30 * PATIENCE)

    def drover(self, *words, check=True, timeout=60):
        if words[0] in ("stop", "restart"):
            self.await_trap(words[-1])
        done = subprocess.run(
            [self.build / "agent/cli/drover", "--bus", self.bus, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout * PATIENCE,
        )
        if check and done.returncode != 0:
            log = (self.work / "droverd.log").read_text()[-3000:]
            raise AssertionError(f"drover {words}: {done.returncode}\n{done.stderr}\n{log}")
        if words[0] == "run" and TRAP in words[-1] and "--name" in words and done.returncode == 0:
            self.await_trap(words[words.index("--name") + 1])
        return done

    def await_trap(self, name):
        """Until a container's SERVE has come to its trap: before that a SIGTERM does nothing to the first process of
        a namespace (pid_namespaces(7))."""
        seen = self.ask_container(name)
        if seen.get("status") != "running" or TRAP not in "".join(seen["spec"].get("command", [])):
            return
        deadline = time.monotonic() + 20 * PATIENCE
        while time.monotonic() < deadline:
            try:
                status = pathlib.Path("/proc", str(seen["pid"]), "status").read_text()
            except OSError:
                return  # it has ended
            if int(re.search(r"^SigCgt:\s*(\w+)", status, re.M).group(1), 16) & 1 << signal.SIGTERM - 1:
                return
            time.sleep(0.01)
        raise AssertionError(f"{name} has set no trap")

    def ask_container(self, name):
        """As the node answers; {} for one that it does not have."""
        client = Client(self)
        answer = client.ask("query", "query.container", {"name": name})
        client.close()
        return answer[1] if answer and answer[0] != "error" else {}

    def begin(self, *words):
        """As `drover`, and does not wait for its end."""
        return subprocess.Popen([self.build / "agent/cli/drover", "--bus", self.bus, *words],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def await_event(self, kind, target):
        """One of that type about that target, also from before."""
        client = Client(self)
        deadline = time.monotonic() + 30 * PATIENCE
        while not any(event["type"] == kind and target in (event["subject"], event["data"].get("target"))
                      for event in client.all_events()):
            if time.monotonic() > deadline:
                raise AssertionError(f"no event {kind} of {target}")
            time.sleep(0.05)
        client.close()

    def inspect(self, name):
        found = json.loads(self.drover("inspect", name, "--json").stdout)
        return found[0] if isinstance(found, list) else found

    def await_status(self, name, status):
        deadline = time.monotonic() + 20 * PATIENCE
        while (seen := self.inspect(name))["status"] != status:
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is {seen['status']} and not {status}")
            time.sleep(0.05)
        return seen

    def names(self):
        text = self.drover("ps", "--json").stdout
        found = json.loads(text)
        rows = found if isinstance(found, list) else found["containers"]
        return [row["name"] for row in rows]

    def tear_down(self):
        try:
            if self.agent.poll() is None:
                for name in self.names():
                    self.drover("rm", "--force", name, check=False)
                self.end()
        finally:
            self.log.close()
            if self.simulator:
                self.simulator.end()
            if os.path.ismount(self.work):
                subprocess.run(["umount", "-l", str(self.work)], check=False)
            shutil.rmtree(self.work, ignore_errors=True)


def expect_events_of_schema(test, events):
    """Each is as docs/schema says."""
    check = jsonschema.Draft7Validator(json.loads((TOP / "docs/schema/event.schema.json").read_text()))
    for event in events:
        test.assertEqual([error.message for error in check.iter_errors(event)], [], event)


class EventStream:
    """What `drover events -f` prints while the node lives, dies and lives again."""

    def __init__(self, node):
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [node.build / "agent/cli/drover", "--bus", node.bus, "events", "-f", "--after", "0", "--json"],
            stdout=self.output, stderr=subprocess.PIPE, text=True)

    def come_to(self, head):
        """Waits until the event of that number is there."""
        deadline = time.monotonic() + 20 * PATIENCE
        while f'"seq":{head},' not in pathlib.Path(f"/proc/self/fd/{self.output.fileno()}").read_text():
            if time.monotonic() > deadline:
                raise AssertionError("the stream did not come to the last event")
            time.sleep(0.05)

    def end_at_head(self, test):
        """The node's events up to now, each as docs/schema says."""
        self.come_to(json.loads(test.node.drover("node", "--json").stdout)["seq"])
        code, complaints, events = self.end()
        test.assertEqual((code, complaints), (130, ""))
        expect_events_of_schema(test, events)
        return events

    def end(self):
        """Ends it as a person would, by Ctrl-C; returns its exit code, its complaints and the events."""
        self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate(timeout=30 * PATIENCE)
        self.output.seek(0)
        events = [json.loads(line) for line in self.output]
        self.output.close()
        return self.process.returncode, complaints, events


class Client:
    """Speaks the protocol itself (docs/protocol.md), over restarts of the node."""

    def __init__(self, node):
        self.node = node
        self.context = zmq.Context()
        self.count = 0

    def close(self):
        self.context.term()

    def ask(self, socket_name, kind, body, timeout=10.0 * PATIENCE):
        """The answer's kind and body; None when none came in time. Each question has a socket of its own: an
        answer to an earlier one that was given up is nobody's then."""
        self.count += 1
        socket = self.context.socket(zmq.DEALER)
        try:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(f"ipc://{self.node.bus}/{socket_name}.sock")
            header = {"v": 1, "kind": kind, "rq": self.count}
            socket.send_multipart([json.dumps(header).encode(), json.dumps(body).encode()])
            if not socket.poll(int(timeout * 1000)):
                return None
            frames = socket.recv_multipart()
            return json.loads(frames[0])["kind"], json.loads(frames[1])
        finally:
            socket.close()

    def submit(self, job, timeout=10.0):
        return self.ask("jobs", "job.submit", job, timeout)

    def query(self, kind, **question):
        answer = self.ask("query", f"query.{kind}", question)
        if answer is None or answer[0] != "answer":
            raise AssertionError(f"query.{kind} {question}: {answer}")
        return answer[1]

    def all_events(self):
        found = []
        while True:
            page = self.query("events", after=found[-1]["seq"] if found else 0, most=500)["events"]
            if not page:
                return found
            found += page

    def await_end(self, job, timeout=60):
        deadline = time.monotonic() + timeout
        while (seen := self.query("job", id=job))["state"] not in FINAL:
            if time.monotonic() > deadline:
                raise AssertionError(f"job {job} does not end: {json.dumps(seen)}")
            time.sleep(0.02)
        return seen

    def run(self, job, timeout=60):
        answer = self.submit(job)
        if answer is None or answer[0] != "job.accepted":
            raise AssertionError(f"{job}: {answer}")
        return self.await_end(job["id"], timeout)
