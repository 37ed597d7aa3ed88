#!/usr/bin/python3
"""How many jobs a second one dispatcher hands on to a thousand nodes, and how long it takes to have them all again.

dispatch.py BUILD [--nodes N] [--jobs N] [--rounds N], in a mount and a network namespace of its own. The nodes are simulated: one
process has the links of all, and accepts each job at once. Everything goes over tcp with CURVE. Beside the dispatcher, in the same
rounds, the floor: two ROUTERs that pass on what comes, without asking what it is. What a dispatcher adds to one job is what
it takes beside one sent to the node itself. Ends with 1 when it is less than is asked for.
"""

import argparse
import json
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import zmq

TOP = pathlib.Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
PORT = 7130
DIRECT_PORT = 7150
IN_FLIGHT = 256
LEAST_PER_SECOND = 30_000
MOST_ADDED_US = 200
MOST_KB_A_NODE = 45
MOST_BACK_S = 1.5


class Place:
    """Keys and files of one dispatcher."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.keys = folder / "keys"
        self.keys.mkdir(mode=0o700)
        self.pairs = {name: [key.decode() for key in zmq.curve_keypair()] for name in ("server", "agents", "client")}
        for name, (public, secret) in self.pairs.items():
            self.write(f"{name}.key", {"public": public, "secret": secret})
        self.write("allow.json", {"keys": [
            {"name": "agents", "key": self.pairs["agents"][0], "roles": ["agent"], "names": ["sim-*"]},
            {"name": "client", "key": self.pairs["client"][0], "roles": ["submit"]}]})
        (folder / "dispatch.json").write_text(json.dumps({
            "name": "d1", "keys": str(self.keys), "folder": str(folder / "bus"), "state_folder": str(folder / "state"),
            "user": "nobody", "tcp": {"address": HOST, "port": PORT}}))

    def write(self, name, content):
        file = self.keys / name
        # Without spaces: the programs that measure read it by hand.
        file.write_text(json.dumps(content, separators=(",", ":")))
        file.chmod(0o600)

    def argv(self, *words):
        return [self.build / "tests/bench/bench_dispatch", *map(str, words)]

    def start(self, side):
        """The dispatcher or the floor."""
        argv = (self.argv("relay", HOST, PORT, self.keys, "server") if side == "floor" else
                [self.build / "messaging/dispatch/daemon/drover-dispatch", "--config", self.folder / "dispatch.json"])
        return subprocess.Popen(argv, stderr=open(self.folder / f"{side}.log", "ab"))

    def load(self, port, key, jobs, in_flight, prefix):
        done = subprocess.run(self.argv("load", HOST, port, self.keys, key, jobs, in_flight, prefix),
                              stdout=subprocess.PIPE, text=True, check=True, timeout=300)
        return json.loads(done.stdout)

    def count_alive(self):
        """Of all nodes, as the dispatcher says; None without an answer."""
        socket = zmq.Context.instance().socket(zmq.DEALER)
        try:
            socket.connect(f"ipc://{self.folder}/bus/clients.sock")
            socket.send_multipart([b'{"v":1,"kind":"dispatch.nodes","rq":1}', b'{"most":1}'])
            return json.loads(socket.recv_multipart()[1]).get("alive") if socket.poll(50) else None
        finally:
            socket.close(0)

    def await_alive(self, nodes):
        deadline = time.monotonic() + 60
        while (alive := self.count_alive()) != nodes:
            if time.monotonic() > deadline:
                sys.exit(f"{alive} of {nodes} nodes are there")
            time.sleep(0.01)


def resident_kb(process):
    """Of its part that speaks with the network."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    text = pathlib.Path(f"/proc/{children[0]}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def median(rounds, figure):
    return statistics.median(one[figure] for one in rounds)


def measure(place, chosen):
    busy = {"dispatcher": [], "floor": []}
    alone = {"dispatcher": [], "floor": [], "direct": []}
    backs, costs = [], []
    for number in range(chosen.rounds):
        for side in ("dispatcher", "floor")[::1 if number % 2 else -1]:
            server = place.start(side)
            if side == "dispatcher":
                place.await_alive(0)
                before = resident_kb(server)
            agents = subprocess.Popen(place.argv("agents", HOST, PORT, place.keys, "server", chosen.nodes, DIRECT_PORT),
                                      stdout=subprocess.PIPE, text=True)
            try:
                agents.stdout.readline()
                if side == "dispatcher":
                    place.await_alive(chosen.nodes)
                    costs.append((resident_kb(server) - before) / chosen.nodes)
                place.load(PORT + 1, "server", chosen.jobs // 4, IN_FLIGHT, f"warm-{number}")
                busy[side].append(place.load(PORT + 1, "server", chosen.jobs, IN_FLIGHT, f"busy-{number}"))
                alone[side].append(place.load(PORT + 1, "server", 1000, 1, f"alone-{number}"))
                alone["direct"].append(place.load(DIRECT_PORT, "agents", 1000, 1, f"direct-{number}"))
                if side == "dispatcher":
                    server.kill()
                    server.wait()
                    server = place.start(side)
                    begun = time.monotonic()
                    place.await_alive(chosen.nodes)
                    backs.append(time.monotonic() - begun)
            finally:
                for process in (agents, server):
                    process.kill()
                    process.wait()
    rate = {side: median(busy[side], "per_second") for side in busy}
    wait = {side: median(alone[side], "p50_us") for side in alone}
    added = wait["dispatcher"] - wait["direct"]
    print(f"{chosen.nodes} nodes, {chosen.rounds} rounds of {chosen.jobs} jobs, {IN_FLIGHT} in flight:")
    print(f"  {rate['dispatcher']:.0f} jobs/s, {100 * rate['dispatcher'] / rate['floor']:.0f} % of the floor's {rate['floor']:.0f}")
    print(f"  one by one {wait['dispatcher']:.0f} us (p50), {added:.0f} more than without it; the floor {wait['floor'] - wait['direct']:.0f}")
    print(f"  {statistics.median(costs):.1f} kB a node; all of them back {max(backs):.2f} s after its restart", flush=True)
    return (rate["dispatcher"] >= LEAST_PER_SECOND and added <= MOST_ADDED_US and
            statistics.median(costs) <= MOST_KB_A_NODE and max(backs) <= MOST_BACK_S)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--nodes", type=int, default=1000, metavar="N")
    arguments.add_argument("--jobs", type=int, default=50_000, metavar="N")
    arguments.add_argument("--rounds", type=int, default=3, metavar="N")
    chosen = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="drover-bench-") as folder:
        pathlib.Path(folder).chmod(0o755)
        return 0 if measure(Place(chosen.build.resolve(), pathlib.Path(folder)), chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
