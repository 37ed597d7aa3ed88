"""A whole cluster on one machine: nodes, dispatchers and members of etcd, each in interfaces, mounts and control groups
of its own, on one bridge, from which each can be cut off.

Used in a mount and a network namespace of the test's own, as root; clients are there, at 10.99.0.1.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading

from simulator import sh

HERE = pathlib.Path(__file__).resolve().parent
LAN = "10.99.0"
HIERARCHIES = pathlib.Path("/sys/fs/cgroup")


class MemberFailed(Exception):
    """What a machine was told to do went wrong there."""


def make_lan():
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "lan", "type", "bridge")
    sh("ip", "address", "add", f"{LAN}.1/24", "dev", "lan")
    sh("ip", "link", "set", "lan", "up")


class Groups:
    """A control group in each hierarchy, in which a machine believes itself to be alone."""

    def __init__(self, name):
        self.folders = [kind / f"drover-test-{os.getpid()}-{name}" for kind in HIERARCHIES.iterdir()
                        if kind.name != "unified" and kind.is_dir()]
        for folder in self.folders:
            folder.mkdir()
            if folder.parent.name == "cpuset":
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (folder / file).write_text((folder.parent / file).read_text())

    def join(self):
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for folder in self.folders:
            for below in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
                below.rmdir()
            folder.rmdir()


class Machine:
    """For several threads. Methods of cluster_member.py by their names: machine.do("start")."""

    def __init__(self, kind, build, name, number):
        self.name, self.address = name, f"{LAN}.{number}"
        self.outer = f"lan{number}"
        self.turn = threading.Lock()
        self.groups = Groups(name)
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--cgroup", "--propagation", "private", sys.executable,
             HERE / "cluster_member.py", kind, build, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=self.groups.join)
        self.public = self.answer()
        sh("ip", "link", "add", self.outer, "type", "veth", "peer", "name", "eth0", "netns", str(self.process.pid))
        sh("ip", "link", "set", self.outer, "master", "lan")
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.inside("ip", "link", "set", "eth0", "up")
        self.connect()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise MemberFailed(f"{self.name} has ended: {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise MemberFailed(f"{self.name}: {answer['error']}")
        return answer["value"]

    def do(self, what, **words):
        with self.turn:
            self.process.stdin.write(json.dumps({"do": what, "with": words}) + "\n")
            self.process.stdin.flush()
            return self.answer()

    def inside(self, *argv):
        """In its network."""
        sh("nsenter", "--net", "--target", str(self.process.pid), *argv)

    def connect(self):
        sh("ip", "link", "set", self.outer, "up")

    def disconnect(self):
        """The cable is pulled."""
        sh("ip", "link", "set", self.outer, "down")

    def drop(self, *, sent=False, change="-A"):
        """Packets of one direction only are lost: what it is sent, or what it sends."""
        chain, end = ("OUTPUT", "-o") if sent else ("INPUT", "-i")
        self.inside("iptables", "--wait", change, chain, end, "eth0", "-j", "DROP")

    def undrop(self, *, sent=False):
        self.drop(sent=sent, change="-D")

    def tear_down(self):
        self.process.stdin.close()
        try:
            self.process.wait(120)
        finally:
            self.process.kill()
            self.groups.remove()


class Cluster:
    """node1.., d1.., e1..; `boss` is a client whom every dispatcher and node knows."""

    def __init__(self, build, nodes=3, dispatchers=2, etcd=3):
        make_lan()
        self.build = build
        self.machines = {}
        self.nodes = [self.add("node", f"node{i}", 10 + i) for i in range(1, nodes + 1)]
        self.dispatchers = [self.add("dispatcher", f"d{i}", 20 + i) for i in range(1, dispatchers + 1)]
        self.etcd = [self.add("etcd", f"e{i}", 30 + i) for i in range(1, etcd + 1)]

    def add(self, kind, name, number):
        self.machines[name] = Machine(kind, self.build, name, number)
        return self.machines[name]

    def etcd_section(self):
        return {"etcd": {"endpoints": [f"http://{one.address}:2379" for one in self.etcd]}} if self.etcd else {}

    def configure(self, clients, **more):
        """`clients`: their public keys by name, admins all. `more`: sections of each node's configuration."""
        known = [{"name": name, "key": key, "roles": ["admin"]} for name, key in clients.items()]
        for one in self.etcd:
            one.do("configure", members={"addresses": {other.name: other.address for other in self.etcd}})
        for one in self.dispatchers:
            one.do("allow", keys=known + [{"name": node.name, "key": node.public, "roles": ["agent"]}
                                          for node in self.nodes])
            one.do("configure", members={"name": one.name, "tcp": {"address": one.address}, **self.etcd_section()})
        for node in self.nodes:
            node.do("allow", keys=known + [{"name": one.name, "key": one.public, "roles": ["dispatch"]}
                                           for one in self.dispatchers])
            servers = [{"address": one.address, "port": 7130, "key": one.name} for one in self.dispatchers]
            node.do("configure", members={"bus": {"tcp": {"address": node.address}},
                                          **({"dispatch": {"servers": servers}} if servers else {}),
                                          **self.etcd_section(), **more})

    def start(self):
        for machine in (*self.etcd, *self.dispatchers, *self.nodes):
            machine.do("start")

    def tear_down(self):
        for machine in reversed(self.machines.values()):
            machine.tear_down()
