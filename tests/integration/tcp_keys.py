"""Clients over tcp: who is let in, what each may ask, and what becomes of a key that is revoked; and a dispatcher."""

import json
import os
import signal
import subprocess
import time

import zmq

PORTS = {"jobs": 7117, "query": 7118, "events": 7119, "streams": 7120, "admin": 7121}


class KeyFolder:
    """Where a node's keys are, as `drover keys` leaves it."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.public, secret = (key.decode() for key in zmq.curve_keypair())
        self.write("server.key", {"public": self.public, "secret": secret})
        self.pairs = {}
        self.limits = {}

    def write(self, name, content):
        new = self.folder / (name + ".new")
        new.write_text(json.dumps(content))
        new.chmod(0o600)
        new.rename(self.folder / name)

    def allow(self, **roles):
        """NAME="role", and nobody else."""
        for name in roles:
            self.pairs.setdefault(name, zmq.curve_keypair())
        self.write("allow.json", {"keys": [
            {"name": name, "key": self.pairs[name][0].decode(), "roles": [role], "limits": self.limits.get(name, {})}
            for name, role in roles.items()]})


class TcpKeys:
    """A test for node_life.py, on its node."""

    def make_keys(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.keys = KeyFolder(self.node.work / f"keys-of-tcp-{time.monotonic_ns()}")

    def serve_over_tcp(self):
        self.make_keys()
        self.keys.limits = {"ci": {"message_kib": 1}}
        self.keys.allow(ci="submit", boss="admin")
        before = dict(self.node.config["bus"])
        self.configure({**before, "keys": str(self.keys.folder), "tcp": {"address": "127.0.0.1"}})
        self.addCleanup(self.configure, before)

    def configure(self, bus):
        self.node.end()
        self.node.config["bus"] = bus
        self.node.write_config()
        self.node.start()

    def connect(self, name, service, kind=zmq.DEALER):
        socket = zmq.Context.instance().socket(kind)
        self.addCleanup(socket.close, 0)
        socket.curve_serverkey = self.keys.public.encode()
        socket.curve_publickey, socket.curve_secretkey = self.keys.pairs[name]
        socket.handshake_ivl = 1000
        socket.reconnect_ivl = 50
        socket.connect(f"tcp://127.0.0.1:{PORTS[service]}")
        return socket

    def ask_over_tcp(self, socket, kind, body):
        """Again and again, as clients do: (kind, body) of the answer."""
        deadline = time.monotonic() + 60
        number = 0
        while time.monotonic() < deadline:
            number += 1
            header = json.dumps({"v": 1, "kind": kind, "rq": number}).encode()
            socket.send_multipart([header, json.dumps(body).encode()], zmq.NOBLOCK)
            if socket.poll(2000):
                frames = socket.recv_multipart()
                return json.loads(frames[0])["kind"], json.loads(frames[1])
        self.fail(f"no answer to {kind}")
        return None

    def test_who_comes_over_tcp_may_what_its_key_may(self):
        self.serve_over_tcp()
        ci = self.connect("ci", "jobs")
        boss = self.connect("boss", "admin")
        stop = {"id": "over-tcp-1", "verb": "container.stop", "target": "nobody"}
        self.assertEqual(self.ask_over_tcp(ci, "job.submit", stop)[0], "job.accepted")
        # A body beyond what the key may send, which is 1 KiB.
        long = {**stop, "target": "n" * 1024}
        kind, answer = self.ask_over_tcp(ci, "job.submit", long)
        self.assertEqual((kind, answer["code"]), ("error", "refused"), answer)
        self.assertIn("the most that key ci may send is 1 KiB", answer["message"])
        remove = {"id": "over-tcp-2", "verb": "network.remove", "target": "vmbr77"}
        kind, answer = self.ask_over_tcp(ci, "job.submit", remove)
        self.assertEqual((kind, answer["code"]), ("error", "refused"), answer)
        self.assertIn("admin", answer["message"])
        self.assertEqual(self.ask_over_tcp(boss, "job.submit", remove)[0], "job.accepted")
        events = self.connect("boss", "events", zmq.SUB)
        events.subscribe(b"")
        self.assertTrue(events.poll(20_000), "not even a beacon")

        # Another front serves the same keys.
        children = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"],
                                  stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        os.kill(int(children[0]), signal.SIGABRT)
        self.assertEqual(self.ask_over_tcp(ci, "job.submit", stop)[0], "job.accepted")
        self.assertEqual(self.ask_over_tcp(boss, "query.node", {})[0], "answer")

        # Revoked, it is refused with the connection that it has.
        self.keys.allow(boss="admin")
        deadline = time.monotonic() + 20
        while (told := self.ask_over_tcp(ci, "job.submit", stop))[0] != "error":
            self.assertLess(time.monotonic(), deadline, "the key is revoked, and lives on")
        self.assertEqual(told[1]["code"], "refused")
        self.node.await_event("drover.security.key_denied", "node1")
        self.assertEqual(self.ask_over_tcp(boss, "query.node", {})[0], "answer")

    def hear(self, router, kind):
        """The next message of that kind from the node: (envelope, header, body)."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if router.poll(1000):
                self.agent, envelope, header, body = router.recv_multipart()[:4]
                if json.loads(header)["kind"] == kind:
                    return json.loads(envelope), json.loads(header), json.loads(body)
        self.fail(f"the dispatcher hears no {kind}")
        return None

    def ask_as_dispatcher(self, router, envelope, body):
        header = {"v": 1, "kind": "job.submit", "rq": 3}
        router.send_multipart([self.agent] + [json.dumps(part).encode() for part in (envelope, header, body)])

    def test_a_dispatcher_hears_of_the_node_and_hands_on_what_is_allowed_there(self):
        self.make_keys()
        self.keys.allow(ci="submit", d1="dispatch")
        router = zmq.Context.instance().socket(zmq.ROUTER)
        self.addCleanup(router.close, 0)
        router.curve_server = True
        router.curve_publickey, router.curve_secretkey = self.keys.pairs["d1"]
        port = router.bind_to_random_port("tcp://127.0.0.1")
        before = dict(self.node.config["bus"])
        self.node.config["dispatch"] = {"servers": [{"address": "127.0.0.1", "port": port, "key": "d1"}]}
        self.configure({**before, "keys": str(self.keys.folder)})
        self.addCleanup(self.configure, before)
        self.addCleanup(self.node.config.pop, "dispatch")

        envelope, header, hello = self.hear(router, "node.hello")
        self.assertEqual((envelope, header["part"]), ({"v": 1}, 0))
        self.assertTrue(hello["epoch"])
        self.assertGreater(hello["facts"]["total"]["memory_mib"], 0)
        self.assertEqual(self.hear(router, "node.beat")[2]["node"], hello["facts"]["node"])

        stop = {"id": "dispatched-1", "verb": "container.stop", "target": "nobody"}
        self.ask_as_dispatcher(router, {"v": 1, "client": 7, "for": "ci", "role": "submit"}, stop)
        accepted = None
        answers = {}
        while accepted is None or "job.accepted" not in answers:
            self.assertTrue(router.poll(60_000))
            _, envelope, header, body = (json.loads(frame) if number else frame
                                         for number, frame in enumerate(router.recv_multipart()))
            if "client" in envelope:
                answers[header["kind"]] = (envelope, header["rq"], body)
            elif body.get("type") == "drover.job.accepted":
                accepted = body["data"]
        self.assertEqual((accepted["sender"], accepted["via"]), ("ci", "d1"))
        envelope, number, job = answers["job.accepted"]
        self.assertEqual((envelope, number), ({"v": 1, "client": 7}, 3))
        self.assertEqual((job["id"], job["sender"], job["via"]), ("dispatched-1", "ci", "d1"))
        self.ask_as_dispatcher(router, {"v": 1, "client": 8, "for": "eve", "role": "admin"}, stop)
        envelope, _, refused = self.hear(router, "error")
        self.assertEqual((envelope["client"], refused["code"]), (8, "refused"))

        # Revoked it is cut off at once.
        monitor = router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.addCleanup(router.disable_monitor)
        self.keys.allow(ci="submit")
        self.assertTrue(monitor.poll(60_000), "the dispatcher's key is revoked, and it is still connected")
