#!/usr/bin/python3
"""cluster_member.py KIND BUILD NAME: one machine of a whole cluster (whole_cluster.py): a node, a dispatcher or an etcd
member. It runs in mounts, interfaces and control groups of its own and does what lines of JSON on its standard input
say: {"do": METHOD, "with": {...}}, each answered by a line {"value"} or {"error"}. It ends with its input.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

from simulator import sh
from tcp_keys import KeyFolder
from whole_node import Node

HIERARCHIES = "/sys/fs/cgroup"


def see_own_control_groups():
    """As a machine's first process sees them, so that groups of containers of one name do not meet on this kernel."""
    kinds = [name for name in os.listdir(HIERARCHIES) if name != "unified"]
    sh("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", HIERARCHIES)
    for kind in kinds:
        folder = f"{HIERARCHIES}/{kind}"
        os.mkdir(folder)
        sh("mount", "-t", "cgroup", "-o", "none,name=systemd" if kind == "systemd" else kind, "cgroup", folder)


class Program:
    """A process of this machine that may be ended in any way and begun again."""

    def __init__(self, argv, log):
        self.argv, self.log = argv, log
        self.process = None

    def start(self):
        assert self.process is None or self.process.poll() is not None, "it runs"
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def signal(self, number):
        self.process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.process.wait(30)


class Machine:
    """What all machines can do."""

    def keys(self, folder):
        self.key_folder = KeyFolder(folder)
        return self.key_folder.public

    def allow(self, keys):
        """The whole list, as of now."""
        self.key_folder.write("allow.json", {"keys": keys})

    def shell(self, argv):
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


class NodeMachine(Machine):
    def __init__(self, build, name):
        self.node = Node(build, name=name)
        self.public = self.keys(self.node.work / "keys")

    def configure(self, members):
        """Sections of its configuration, of which "bus" is joined with what is there."""
        for section, value in members.items():
            known = self.node.config.get(section)
            self.node.config[section] = {**known, **value} if isinstance(known, dict) else value
        self.node.config["bus"]["keys"] = str(self.key_folder.folder)
        self.node.write_config()

    def start(self):
        self.node.start()

    def signal(self, number):
        self.node.agent.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.node.agent.wait(60)

    def kill_front(self):
        found = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"], stdout=subprocess.PIPE,
                               text=True, check=False).stdout.split()
        for pid in found:
            os.kill(int(pid), signal.SIGKILL)

    def drover(self, words):
        done = self.node.drover(*words, check=False)
        return {"code": done.returncode, "output": done.stdout, "complaints": done.stderr}

    def log(self):
        return (self.node.work / "droverd.log").read_text()[-20000:]

    def tear_down(self):
        if self.node.agent and self.node.agent.poll() is None:
            self.node.agent.send_signal(signal.SIGCONT)
        else:
            self.node.start()  # it alone can end its containers
        self.node.tear_down()


class OtherMachine(Machine):
    """One program with its files."""

    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"drover-{name}-"))
        self.folder.chmod(0o755)  # a dispatcher's sockets are another user's
        self.output = open(self.folder / "log", "ab")
        self.program = None

    def start(self):
        self.program.start()

    def signal(self, number):
        self.program.signal(number)

    def log(self):
        return (self.folder / "log").read_text()[-20000:]

    def tear_down(self):
        if self.program and self.program.process and self.program.process.poll() is None:
            self.program.signal(signal.SIGKILL)
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class DispatcherMachine(OtherMachine):
    def __init__(self, build, name):
        super().__init__(name)
        self.build = build
        self.public = self.keys(self.folder / "keys")

    def configure(self, members):
        config = self.folder / "dispatch.json"
        config.write_text(json.dumps({"keys": str(self.key_folder.folder), "folder": str(self.folder / "bus"),
                                      "state_folder": str(self.folder / "state"), "user": "nobody", **members}))
        self.program = Program([self.build / "messaging/dispatch/daemon/drover-dispatch", "--config", config], self.output)


class EtcdMachine(OtherMachine):
    def __init__(self, _, name):
        super().__init__(name)
        self.name = name
        self.public = ""

    def configure(self, members):
        """{"addresses": {NAME: ADDRESS}} of all members. Short elections, so that leases of some seconds are granted."""
        addresses = members["addresses"]
        own = addresses[self.name]
        everyone = ",".join(f"{name}=http://{address}:2380" for name, address in addresses.items())
        self.program = Program(
            ["etcd", "--name", self.name, "--data-dir", self.folder / "data", "--log-level", "error",
             "--heartbeat-interval", "100", "--election-timeout", "1000", "--listen-client-urls", f"http://{own}:2379",
             "--advertise-client-urls", f"http://{own}:2379", "--listen-peer-urls", f"http://{own}:2380",
             "--initial-advertise-peer-urls", f"http://{own}:2380", "--initial-cluster", everyone], self.output)


KINDS = {"node": NodeMachine, "dispatcher": DispatcherMachine, "etcd": EtcdMachine}


def main():
    kind, build, name = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what its programs print is no answer
    sh("ip", "link", "set", "lo", "up")
    see_own_control_groups()
    machine = KINDS[kind](pathlib.Path(build), name)
    print(json.dumps({"value": machine.public}), file=answers, flush=True)
    try:
        for line in sys.stdin:
            order = json.loads(line)
            try:
                answer = {"value": getattr(machine, order["do"])(**order.get("with", {}))}
            except Exception:  # whatever it is, the test is told
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        machine.tear_down()


if __name__ == "__main__":
    main()
