"""The recordings of a real Proxmox VE API (recordings/README.md), and how an answer is held against one of them."""

import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent / "recordings"
TOKEN = "PVEAPIToken=root@pam!agent=00000000-0000-4000-8000-000000000000"

# What another machine, or another moment, makes another: here a value's type counts, and not the value.
MACHINE = {
    "avail", "cpu", "cpus", "ctime", "disk", "diskread", "diskwrite", "endtime", "idle", "kversion", "loadavg", "maxcpu",
    "maxdisk", "mem", "memhost", "netin", "netout", "pid", "pstart", "starttime", "total", "uptime", "used",
    "used_fraction", "wait",
    "priority",  # by how many interfaces there are
}
# Members of a node's status, where the same holds for all that is below them.
ABOUT_NODE = {"boot-info", "cpuinfo", "current-kernel", "memory", "rootfs", "swap"}
# What is left out, with why. (recording's name begins with, key)
LEFT_OUT = {
    ("", "pressure"): "the recorded node ran cgroup v1, where these are null; a real node gives numbers",
    ("perm-", "cgroup-mode"): "for the same reason it is 1 there; a real node says 2",
    ("auth-ticket-ok", "cap"): "what the web interface shows; the simulator knows privileges by path only",
}
# Lists in one text, in another order each time.
UNORDERED = {"content"}
# Texts with a part that is another one each time.
PATTERNS = [
    (r"UPID:(\w+):[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:", r"UPID:\1:*:"),
    (r"\b[0-9a-f]{40}\b", "SHA1"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b([0-9A-F]{2}:){31}[0-9A-F]{2}\b", "FINGERPRINT"),
    (r"\b(?i:BC:24:11(:[0-9A-F]{2}){3})\b", "MAC"),
    (r"\bfe80:[0-9a-f:]+", "LINK-LOCAL"),
    (r"\b(PVE:root@pam:)?[0-9A-F]{8}::?[-\w=]+$", r"\1SIGNATURE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} \+0000", "TIME"),
    # Which program it was, and how that one complains.
    (r"command '.*' failed: (received interrupt)?.*", r"command * failed: \1"),
]
# By which of its members a row of a list is known, whatever the order.
NAMES = ("volid", "vmid", "key", "storage", "subdir", "iface", "id", "name")


class Recording:
    def __init__(self, name, facts):
        self.name = name
        self.method, self.target = facts["request"].split(" ", 1)
        self.login = facts.get("login", {"Authorization": TOKEN})
        self.headers = facts.get("headers", {})
        self.times = facts.get("times", 1)
        self.form = facts.get("form")
        self.json = facts.get("json")
        self.parts = facts.get("parts")
        self.answer = facts["answer"]
        self.text = facts.get("text")
        self.body = facts.get("body")
        self.has_body = "body" in facts or "text" in facts
        self.content_type = facts.get("type", "application/json;charset=UTF-8" if self.has_body else None)


def load():
    """All of them, by name."""
    found = {}
    for file in sorted(FOLDER.glob("*.json")):
        for name, facts in json.loads(file.read_text()).items():
            assert name not in found, name
            found[name] = Recording(name, facts)
    return found


def written_out(text):
    """`{9 a}` is nine times that letter."""
    return re.sub(r"\{(\d+) a\}", lambda found: "a" * int(found[1]), text)


def kind_of(value):
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def is_left_out(name, key):
    return any(name.startswith(begin) and key.startswith(what) for begin, what in LEFT_OUT)


class Comparison:
    """Of one answer's body; `plain` takes out of a text what is the simulator's own, such as its folder."""

    def __init__(self, name, plain=lambda text: text):
        self.name = name
        self.plain = plain
        self.differences = []

    def same_text(self, text):
        for pattern, instead in PATTERNS:
            text = re.sub(pattern, instead, text)
        return text

    def differ(self, where, recorded, seen):
        self.differences.append(f"{where or 'body'}: recorded {recorded!r}, seen {seen!r}")

    def compare(self, recorded, seen, where="", loosely=False):
        """`loosely`: types, and not values."""
        if kind_of(recorded) != kind_of(seen):
            self.differ(where, recorded, seen)
        elif isinstance(recorded, dict):
            self.compare_members(recorded, seen, where, loosely)
        elif isinstance(recorded, list):
            self.compare_rows(recorded, seen, where, loosely)
        elif loosely:
            pass
        elif isinstance(recorded, str):
            if self.same_text(recorded) != self.same_text(self.plain(seen)):
                self.differ(where, recorded, seen)
        elif recorded != seen:
            self.differ(where, recorded, seen)

    def compare_members(self, recorded, seen, where, loosely):
        for key in sorted(recorded.keys() | seen.keys()):
            if is_left_out(self.name, key):
                continue
            if key not in seen or key not in recorded:
                self.differ(f"{where}/{key}", recorded.get(key, "nothing"), seen.get(key, "nothing"))
                continue
            of_machine = key in MACHINE or (key in ABOUT_NODE and isinstance(recorded[key], dict)) or (
                # A node's memory is its machine's, a guest's is what it was given.
                key == "maxmem" and recorded.get("type") == "node") or (
                # An archive's is what its content packs to.
                key == "size" and recorded.get("content") in ("backup", "vztmpl"))
            one, other = recorded[key], seen[key]
            if key in UNORDERED and isinstance(one, str) and isinstance(other, str):
                one, other = sorted(one.split(",")), sorted(other.split(","))
            self.compare(one, other, f"{where}/{key}", loosely or of_machine)

    def compare_rows(self, recorded, seen, where, loosely):
        rows = [row for row in recorded + seen if isinstance(row, dict)]
        name = next((key for key in NAMES if rows and all(key in row for row in rows)), None)
        if name and "upid" not in rows[0]:
            recorded = sorted(recorded, key=lambda row: str(row[name]))
            seen = sorted(seen, key=lambda row: str(row[name]))
        if len(recorded) != len(seen):
            self.differ(where, recorded, seen)
            return
        for number, (one, other) in enumerate(zip(recorded, seen)):
            self.compare(one, other, f"{where}/{one[name] if name else number}", loosely)
