#!/usr/bin/python3
"""Follows one Drover node: what containers it has, then every change, each once and in order. It needs Debian's
python3-zmq. docs/events.md tells what events there are.

    drover_subscriber.py [WHERE]        (WHERE as of drover_client.py)

How nothing is missed: it subscribes first and then takes a snapshot, which is the state at event number S. Events
up to S are in the snapshot; those behind it are numbered without a gap. Where one is missing (the publisher drops
what a slow reader does not take, and what was sent while the connection was away) it is fetched from the node, which
keeps them. A beacon each second tells the newest number, so that also the last event is not missed. A new epoch is a
new journal of the node: its numbers begin again, and so does the subscriber, by a snapshot.
"""

import argparse
import json
import os
import time

import zmq

from drover_client import Client, NoAnswer, add_address, address_of

# Without a beacon for so long the node is asked: the connection, or the node, may be away.
SILENCE_S = 3.0


class Subscriber:
    """An iterator over ("snapshot", {...}) and ("event", {...}). For one thread.

    `replays` counts how often events had to be fetched."""

    def __init__(self, address):
        self.client = Client(address)
        self.socket = address.connect(self.client.context, zmq.SUB, "events")
        self.socket.subscribe(b"")  # or b"pve1.container.web-1.", and then `oseq` in place of `seq`
        self.epoch = None
        self.seq = 0  # of the newest event that is in `ready` or was handed out
        self.ready = []
        self.replays = 0

    def close(self):
        self.socket.close()
        self.client.close()

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            try:
                notice = self.next_within(SILENCE_S)
            except NoAnswer:
                continue  # the node is away: what it does next is asked for when it is back
            if notice is not None:
                return notice

    def next_within(self, seconds):
        """The next one, or None when nothing has changed for so long."""
        end = time.monotonic() + seconds
        if self.epoch is None:
            self._take_snapshot()
        while not self.ready:
            left = end - time.monotonic()
            if left <= 0:
                return None
            message = self._receive(min(left, SILENCE_S))
            if message is not None:
                self._take(message)
            elif left >= SILENCE_S:
                self._catch_up()
        return self.ready.pop(0)

    def _receive(self, seconds):
        """An event or a beacon; None when none came."""
        if not self.socket.poll(int(seconds * 1000)):
            return None
        _topic, body = self.socket.recv_multipart()
        return json.loads(body)

    def _take(self, message):
        event = message.get("type")  # a beacon has none
        if message["droverepoch" if event else "epoch"] != self.epoch:
            self._take_snapshot()
        elif event and message["seq"] == self.seq + 1:
            self._add(message)
        elif message["seq"] > self.seq:
            self.replays += 1
            self._catch_up()
        # Else it is known: from the snapshot, or from a replay that was faster.

    def _add(self, event):
        self.seq = event["seq"]
        self.ready.append(("event", event))

    def _take_snapshot(self):
        found = self.client.list_all("containers")
        self.epoch, self.seq = found["epoch"], found["seq"]
        self.ready.append(("snapshot", found))

    def _catch_up(self):
        """Fetches what is behind `seq`."""
        while True:
            page = self.client.query("events", after=self.seq, most=256)
            events = page["events"]
            forgotten = events and events[0]["seq"] != self.seq + 1 or not events and page["head"] != self.seq
            if page["epoch"] != self.epoch or forgotten:
                self._take_snapshot()
                return
            for event in events:
                self._add(event)
            if self.seq >= page["head"]:
                return


# The types of drover.container.* that are a status; others tell of something else ("healthy").
STATUS = ("creating", "created", "running", "paused", "stopping", "stopped", "deleting", "backoff", "unknown")


class Containers:
    """What the notices say of which containers there are: name to status."""

    def __init__(self):
        self.status = {}

    def apply(self, kind, body):
        if kind == "snapshot":
            self.status = {container["name"]: container["status"] for container in body["containers"]}
            return
        what = body["type"].removeprefix("drover.container.")
        if what == "gone":
            self.status.pop(body["subject"], None)
        elif what in STATUS:
            self.status[body["subject"]] = what


def main():
    parser = argparse.ArgumentParser(description="Follows one Drover node.")
    add_address(parser)
    subscriber = Subscriber(address_of(parser.parse_args()))
    containers = Containers()
    for kind, body in subscriber:
        containers.apply(kind, body)
        if kind == "snapshot":
            print(f"{body['node']} at {body['seq']} of epoch {body['epoch']}: {containers.status}", flush=True)
        else:
            print(f"{body['seq']} {body['type']} {body['subject']} {json.dumps(body['data'])}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(130)
