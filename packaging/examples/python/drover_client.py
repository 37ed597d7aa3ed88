#!/usr/bin/python3
"""A client of one Drover node, whole and small: it submits a job once, however often it must be sent, asks for
state, and waits for a job's end. It needs Debian's python3-zmq. docs/protocol.md describes what is said.

    drover_client.py [WHERE] submit job.json [--within SECONDS] [--wait]
    drover_client.py [WHERE] query containers
    drover_client.py [WHERE] query job '{"id": "..."}'
    drover_client.py [WHERE] wait JOB

WHERE is --bus FOLDER (the default, /run/drover/bus, on the node itself), or over the network
--tcp HOST --server-key Z85 --key FILE: the node's public key, and a file {"public": Z85, "secret": Z85}.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import time

import zmq

FINAL = ("succeeded", "failed", "cancelled")
# What an error's code says: the same request may do better later.
PASSING = ("unavailable", "timed_out")
FIRST_RESEND_S = 1.0
LONGEST_RESEND_S = 30.0


class Refused(Exception):
    """The node's answer to a request that it does not do; `code` says what to do (docs/protocol.md)."""

    def __init__(self, body):
        faults = "".join(f"\n  {fault['pointer']}: {fault['message']}" for fault in body.get("faults", []))
        super().__init__(f"{body['code']}: {body['message']}{faults}")
        self.code = body["code"]


class NoAnswer(Exception):
    """Nothing was heard in time. Of a job: it may have been accepted; the same id asks again."""


class Address:
    """Where a node's sockets are, and by which keys they are reached."""

    # Beside bus.tcp.port, by socket.
    PORTS = {"jobs": 0, "query": 1, "events": 2, "streams": 3, "admin": 4}

    def __init__(self, bus="/run/drover/bus", tcp=None, port=7117, server_key=None, key_file=None):
        self.bus, self.tcp, self.port = bus, tcp, port
        if tcp:
            self.server_key = server_key.encode()
            key = json.loads(pathlib.Path(key_file).read_text())
            self.public, self.secret = key["public"].encode(), key["secret"].encode()

    def connect(self, context, kind, name):
        """A socket of that kind (zmq.DEALER, zmq.SUB) to the node's socket of that name ("jobs")."""
        socket = context.socket(kind)
        socket.linger = 0
        socket.maxmsgsize = 64 << 20
        if kind == zmq.DEALER:
            # What is sent while nobody is there is not kept for later: whoever sent it sends it again.
            socket.immediate = 1
        if not self.tcp:
            socket.reconnect_ivl = 250
            socket.connect(f"ipc://{self.bus}/{name}.sock")
            return socket
        socket.curve_serverkey = self.server_key
        socket.curve_publickey, socket.curve_secretkey = self.public, self.secret
        socket.reconnect_ivl = 1000
        # A node that does not take the key says nothing: the handshake is given up and tried again.
        socket.handshake_ivl = 1000
        # A network that went away without a word is noticed.
        socket.heartbeat_ivl, socket.heartbeat_timeout = 5000, 15000
        socket.connect(f"tcp://{self.tcp}:{self.port + self.PORTS[name]}")
        return socket


def waits():
    """Seconds between one sending and the next: 1, 2, 4 ... 30, each a random part of it, so that clients that
    have lost the same node do not come back all at once."""
    longest = FIRST_RESEND_S
    while True:
        yield random.uniform(0.05, longest)
        longest = min(longest * 2, LONGEST_RESEND_S)


def new_id():
    """A UUIDv7: its first 48 bits are the time, by which a node knows how old a job is."""
    value = int(time.time() * 1000) << 80 | 0x7 << 76 | random.SystemRandom().getrandbits(76)
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Client:
    """For one thread. Each method takes how many seconds it may try: `within`."""

    def __init__(self, address):
        self.address = address
        self.context = zmq.Context()
        self.sockets = {}
        self.count = 0

    def close(self):
        for name in list(self.sockets):
            self._drop(name)
        self.context.term()

    def submit(self, job, within=30.0):
        """The node has it on its disk, and does it once: it is sent under the same id until that is heard. Returns
        the job as the node knows it, `duplicate` when it was known before."""
        job.setdefault("id", new_id())
        return self._until_done("jobs", "job.submit", job, within)

    def query(self, kind, within=30.0, **question):
        return self._until_done("query", f"query.{kind}", question, within)

    def list_all(self, kind, within=30.0):
        """A query whose answer comes in pages, as one: query.containers, .images, .volumes ... `seq` is the first
        page's, so that what changed meanwhile is told by events behind it."""
        whole = self.query(kind, within)
        page = whole
        while not page["whole"]:
            page = self.query(kind, within, after=whole[kind][-1]["id" if kind == "leaks" else "name"])
            if page["epoch"] != whole["epoch"]:
                return self.list_all(kind, within)
            whole[kind] += page[kind]
        return whole

    def await_end(self, job_id, within):
        """The job once it has ended; then `state` tells how, `result` or `error` what came of it."""
        end = time.monotonic() + within
        pause = 0.02
        while True:
            job = self.query("job", max(end - time.monotonic(), 0.1), id=job_id)
            if job["state"] in FINAL:
                return job
            if time.monotonic() >= end:
                raise NoAnswer(f"job {job_id} is {job['state']} after {within:.0f} s")
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    def _until_done(self, name, kind, body, within):
        """Sends the request until it has an answer that is one."""
        end = time.monotonic() + within
        last = f"{kind}: no answer in {within:.0f} s"
        self.count += 1  # one number for all sendings: whichever of them is answered first counts
        for wait in waits():
            sent_at = time.monotonic()
            answer = self._ask(name, kind, body, max(0, min(wait, end - sent_at)))
            if answer is not None:
                answered, text = answer
                if answered in ("job.accepted", "answer"):
                    return text
                if answered == "busy":  # it took nothing
                    last = f"{kind}: the node is busy"
                    wait = max(wait, text["retry_after_ms"] / 1000)
                elif text["code"] not in PASSING:
                    raise Refused(text)
                else:
                    last = f"{kind}: {text['message']}"
            left = end - time.monotonic()
            if left <= 0:
                raise NoAnswer(last)
            time.sleep(max(0, min(sent_at + wait - time.monotonic(), left)))

    def _ask(self, name, kind, body, timeout):
        """The answer's kind and body; None when none came in time."""
        if name not in self.sockets:
            self.sockets[name] = self.address.connect(self.context, zmq.DEALER, name)
        socket = self.sockets[name]
        header = {"v": 1, "kind": kind, "rq": self.count}
        end = time.monotonic() + timeout

        def wait_for(flag):
            return socket.poll(max(0, int((end - time.monotonic()) * 1000)), flag)

        if wait_for(zmq.POLLOUT):
            socket.send_multipart([json.dumps(header).encode(), json.dumps(body).encode()], zmq.NOBLOCK)
            while wait_for(zmq.POLLIN):
                frames = socket.recv_multipart()
                answer = json.loads(frames[0])
                if answer.get("rq") == self.count:  # and is none to a request that was given up
                    return answer["kind"], json.loads(frames[1])
        return None

    def _drop(self, name):
        self.sockets.pop(name).close()


def add_address(parser):
    parser.add_argument("--bus", default="/run/drover/bus", metavar="FOLDER")
    parser.add_argument("--tcp", metavar="HOST")
    parser.add_argument("--port", type=int, default=7117, help="bus.tcp.port of the node")
    parser.add_argument("--server-key", metavar="Z85", help="the node's public key")
    parser.add_argument("--key", metavar="FILE", help="this client's own")


def address_of(words):
    if words.tcp and not (words.server_key and words.key):
        sys.exit("--tcp wants --server-key and --key: nothing is said over a network without keys")
    return Address(words.bus, words.tcp, words.port, words.server_key, words.key)


def main():
    parser = argparse.ArgumentParser(description="Asks one Drover node.")
    add_address(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    submit = commands.add_parser("submit")
    submit.add_argument("job", help="a file with a job, - for standard input")
    submit.add_argument("--wait", action="store_true", help="for its end")
    query = commands.add_parser("query")
    query.add_argument("kind")
    query.add_argument("question", nargs="?", default="{}")
    wait = commands.add_parser("wait")
    wait.add_argument("job")
    for command in (submit, query, wait):
        command.add_argument("--within", type=float, default=60.0, metavar="SECONDS")
    words = parser.parse_args()

    client = Client(address_of(words))
    try:
        if words.command == "submit":
            job = json.loads(sys.stdin.read() if words.job == "-" else pathlib.Path(words.job).read_text())
            found = client.submit(job, words.within)
            if words.wait:
                found = client.await_end(found["id"], words.within)
        elif words.command == "query":
            found = client.query(words.kind, words.within, **json.loads(words.question))
        else:
            found = client.await_end(words.job, words.within)
    except (Refused, NoAnswer) as error:
        sys.exit(str(error))
    finally:
        client.close()
    print(json.dumps(found, indent=2))
    if found.get("state") in ("failed", "cancelled"):
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(130)
