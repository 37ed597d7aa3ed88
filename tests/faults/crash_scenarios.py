"""The verbs that crash_points.py tries, each with what there has to be before and afterwards."""

import dataclasses

from whole_node import SERVE

CODE = 5
PROGRAM = f'echo started >>/data/starts; trap "exit {CODE}" TERM; while :; do sleep 0.05; done'
DEAF = 'trap "" TERM; echo started >>/data/starts; while :; do sleep 0.05; done'
TWICE = f'echo started >>/data/starts; [ $(wc -l </data/starts) -ge 2 ] || exit 3; {SERVE % CODE}'
SNAPSHOT = ("container.snapshot", {"snapshot": "one"})
BACKUP = ("container.backup", {"storage": "local"})
# Stands for the one backup that there is, and for the template where there is none yet.
THE_BACKUP = "the backup"
# Stands for a container that there is beside those that are made and deleted.
THE_FIRST = "container:first"
# Stand for an image that is another one, and for one with no program in it.
ANOTHER = "another image"
NO_PROGRAM = "an image without a program"
UPGRADE = ("container.upgrade", {"image": ANOTHER, "watch_s": 0})
TEMPLATE = "local:vztmpl/busybox.tar.gz"
DONE = ("succeeded",)
# What a program inside was told or has done cannot be taken back, and whether it was is not known after a crash.
DONE_OR_UNKNOWN = ("succeeded", "failed")


@dataclasses.dataclass
class Scenario:
    name: str
    verb: str
    status: str | None  # of the container afterwards; None: there is none
    starts: int = 0  # of its program, all jobs together
    before: tuple = ()  # verbs, or pairs of one and its options
    options: dict = dataclasses.field(default_factory=dict)
    spec: dict = dataclasses.field(default_factory=dict)
    states: tuple = DONE
    execs: int | None = None  # how often its command has run if the job says that it has
    guests: bool = True  # for guests of Proxmox too
    others: bool = True  # for containers that are none
    target: str | None = None  # of the job; None: the container
    snapshots: tuple | None = None  # that the container has afterwards; None: nobody looks
    backups: int = 0  # that there are afterwards
    first: bool = False  # whether there is THE_FIRST, stopped
    sizes: tuple | None = None  # MiB of the root disk and of the volume afterwards; None: nobody looks
    deadline_ms: int | None = None  # from when it is sent
    image: str | None = None  # the tag of its image afterwards; None: nobody looks
    cancelled_starts: int = 0  # that many more when it was cancelled, at most
    moves: bool = False  # whether its guest is on the other node of the cluster afterwards

    @property
    def makes(self):
        return self.verb in ("container.run", "container.create")


SCENARIOS = [
    Scenario("run", "container.run", "running", 1),
    Scenario("create", "container.create", "created"),
    Scenario("start", "container.start", "running", 1, before=("container.create",)),
    Scenario("start again", "container.start", "running", 2, before=("container.run", "container.stop")),
    Scenario("stop", "container.stop", "stopped", 1, before=("container.run",)),
    Scenario("restart", "container.restart", "running", 2, before=("container.run",)),
    Scenario("pause", "container.pause", "paused", 1, before=("container.run",)),
    Scenario("resume", "container.resume", "running", 1, before=("container.run", "container.pause")),
    Scenario("exec", "container.exec", "running", 1, before=("container.run",),
             options={"command": ["sh", "-c", "echo x >>/data/execs"]}, execs=1),
    Scenario("kill", "container.kill", "stopped", 1, before=("container.run",), states=DONE_OR_UNKNOWN,
             options={"signal": "9"}),
    Scenario("delete", "container.delete", None, 1, before=("container.run", "container.stop")),
    Scenario("delete what runs", "container.delete", "running", 1, before=("container.run",), states=("failed",)),
    Scenario("delete by force", "container.delete", None, 1, before=("container.run",), options={"force": True}),
    Scenario("run without its bridge", "container.run", None, states=("failed",),
             spec={"networks": [{"interface": "eth0", "bridge": "vmbr0"},
                                {"interface": "eth1", "bridge": "vmbr7"}]}),
    Scenario("run without its program", "container.run", None, states=("failed",),
             spec={"command": ["/no/such/program"]}, guests=False),
    # Started once by the job and once by its policy.
    Scenario("start by policy", "container.run", "running", 2, guests=False,
             spec={"command": ["sh", "-c", TWICE], "restart": {"policy": "on-failure"}}),
    Scenario("stop beyond its deadline", "container.stop", "running", 1, before=("container.run",), states=("failed",),
             spec={"command": ["sh", "-c", DEAF], "stop": {"grace_s": 600}}, guests=False, deadline_ms=300),
    Scenario("snapshot", "container.snapshot", "running", 1, before=("container.run",), options={"snapshot": "one"},
             snapshots=("one",)),
    Scenario("rollback", "container.rollback", "running", 2, before=("container.run", SNAPSHOT), options={"snapshot": "one"},
             snapshots=("one",)),
    Scenario("rollback of what is stopped", "container.rollback", "stopped",
             before=("container.run", SNAPSHOT, "container.stop"), options={"snapshot": "one"}, others=False,
             snapshots=("one",)),
    Scenario("delete a snapshot", "container.snapshot-delete", "running", before=("container.run", SNAPSHOT),
             options={"snapshot": "one"}, others=False, snapshots=()),
    Scenario("backup", "container.backup", "running", before=("container.run",), options={"storage": "local"}, others=False,
             backups=1),
    Scenario("backup that stops it", "container.backup", "running", before=("container.run",),
             options={"storage": "local", "mode": "stop"}, others=False, backups=1),
    Scenario("restore", "container.run", "running", spec={"image": THE_BACKUP}, others=False, backups=1,
             before=("container.run", BACKUP, ("container.delete", {"force": True}))),
    Scenario("copy", "container.run", "running", spec={"image": THE_FIRST}, others=False, first=True),
    Scenario("grow", "container.update", "created", before=("container.create",), others=False, sizes=(1300, 1100),
             options={"resources": {"memory_mib": 64, "disk_mib": 1300}, "volumes": {"data": 1100}}),
    Scenario("migrate", "container.migrate", None, before=("container.run",), options={"to": "other", "restart": True},
             others=False, moves=True),
    Scenario("upgrade", "container.upgrade", "running", 2, before=("container.run",), options=UPGRADE[1], guests=False,
             image="another", cancelled_starts=1),
    Scenario("upgrade to what does not start", "container.upgrade", "running", 2, before=("container.run",), states=("failed",),
             options={"image": NO_PROGRAM, "watch_s": 0}, guests=False, image="busybox"),
    Scenario("rollback of an upgrade", "container.upgrade", "running", 3, before=("container.run", UPGRADE),
             options={"rollback": True, "watch_s": 0}, guests=False, image="busybox", cancelled_starts=1),
    Scenario("drain", "node.drain", "stopped", 1, before=("container.run",), options={"stop_containers": True},
             target="node1"),
]
