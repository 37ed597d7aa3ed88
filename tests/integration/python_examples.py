"""packaging/examples/python on a whole node: tests for node_life.py, on its node."""

import json
import os
import signal
import subprocess
import sys
import threading

import zmq

from simulator import sh
from whole_node import PATIENCE, TOP

sys.path.insert(0, str(TOP / "packaging/examples/python"))
from drover_client import Address, Client, NoAnswer, Refused, new_id  # noqa: E402
from drover_subscriber import Containers, Subscriber  # noqa: E402

WITHIN = 30 * PATIENCE


class Forgetful(Subscriber):
    """Whose connection loses two of three events."""

    count = 0

    def _receive(self, seconds):
        message = super()._receive(seconds)
        while message is not None and "type" in message:
            self.count += 1
            if self.count % 3 == 0:
                break
            message = super()._receive(seconds)
        return message


class PythonExamples:
    """Has `node`."""

    def example(self, program, *words, **more):
        return subprocess.run(["/usr/bin/python3", TOP / "packaging/examples/python" / program, "--bus", self.node.bus,
                               *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=WITHIN * 2, **more)

    def test_the_python_client_has_a_job_done_once(self):
        client = Client(Address(self.node.bus))
        self.addCleanup(client.close)
        job = {"id": new_id(), "verb": "container.run", "target": "py",
               "spec": {"runtime": "crun", "command": ["true"]}}
        self.assertFalse(client.submit(job, WITHIN)["duplicate"])
        self.assertEqual(client.await_end(job["id"], WITHIN)["state"], "succeeded")
        self.assertTrue(client.submit(job, WITHIN)["duplicate"])
        with self.assertRaises(Refused) as conflict:
            client.submit({**job, "target": "other"}, WITHIN)
        self.assertEqual(conflict.exception.code, "conflict")
        with self.assertRaisesRegex(Refused, "/spec/wrong") as invalid:
            client.submit({**job, "id": new_id(), "spec": {"wrong": 1}}, WITHIN)
        self.assertEqual(invalid.exception.code, "invalid")

        # One that is sent while nobody is there to take it is sent again.
        [front] = subprocess.run(["pgrep", "-P", str(self.node.agent.pid), "-x", "drover-front"],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        os.kill(int(front), signal.SIGSTOP)
        with self.assertRaises(NoAnswer):
            client.query("node", 0.2)
        os.kill(int(front), signal.SIGKILL)
        gone = client.submit({"verb": "container.delete", "target": "py", "options": {"force": True}}, WITHIN)
        self.assertEqual(client.await_end(gone["id"], WITHIN)["state"], "succeeded")

    def test_the_python_client_is_a_program(self):
        job = {"id": new_id(), "verb": "container.stop", "target": "nobody"}
        failed = self.example("drover_client.py", "submit", "-", "--wait", input=json.dumps(job))
        self.assertEqual((failed.returncode, failed.stderr), (1, ""))
        self.assertEqual(json.loads(failed.stdout)["error"]["code"], "not_found")
        again = self.example("drover_client.py", "wait", job["id"])
        self.assertEqual(again.stdout, failed.stdout)
        node = self.example("drover_client.py", "query", "node")
        self.assertEqual(json.loads(node.stdout)["node"], "node1")
        unknown = self.example("drover_client.py", "query", "container", '{"name": "nobody"}')
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("not_found", unknown.stderr)

    def test_the_python_client_says_over_a_network_what_it_says_with_keys(self):
        sh("ip", "link", "set", "lo", "up")
        context = zmq.Context()
        server = context.socket(zmq.ROUTER)
        public, secret = zmq.curve_keypair()
        server.linger, server.curve_server, server.curve_secretkey = 0, True, secret
        port = server.bind_to_random_port("tcp://127.0.0.1")
        mine = self.node.work / "client.key"
        mine.write_text(json.dumps(dict(zip(("public", "secret"), map(bytes.decode, zmq.curve_keypair())))))

        def answer():
            peer, header, _body = server.recv_multipart()
            header = {"v": 1, "kind": "answer", "rq": json.loads(header)["rq"]}
            server.send_multipart([peer, json.dumps(header).encode(), b'{"node": "far"}'])

        answering = threading.Thread(target=answer)
        answering.start()
        client = Client(Address(tcp="127.0.0.1", port=port - 1, server_key=public.decode(), key_file=mine))
        self.assertEqual(client.query("node", WITHIN)["node"], "far")
        answering.join()
        client.close()
        server.close()
        context.term()

    def test_the_python_subscriber_misses_nothing_though_its_connection_does(self):
        subscriber = Forgetful(Address(self.node.bus))
        self.addCleanup(subscriber.close)
        containers = Containers()
        kind, snapshot = next(subscriber)
        self.assertEqual(kind, "snapshot")
        containers.apply(kind, snapshot)
        self.node.drover("run", "--runtime", "crun", "--name", "followed", "--", "true")
        self.node.drover("rm", "--force", "followed")
        head = json.loads(self.node.drover("node", "--json").stdout)["seq"]
        seen = []
        while not seen or seen[-1]["seq"] < head:
            kind, event = next(subscriber)
            self.assertEqual(kind, "event")
            seen.append(event)
            containers.apply(kind, event)
        self.assertEqual([event["seq"] for event in seen], list(range(snapshot["seq"] + 1, seen[-1]["seq"] + 1)))
        self.assertGreater(subscriber.replays, 0)
        followed = [event["type"].removeprefix("drover.container.") for event in seen if event["subject"] == "followed"]
        self.assertEqual((followed[0], followed[-1]), ("creating", "gone"))
        self.assertNotIn("followed", containers.status)
