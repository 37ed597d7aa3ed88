"""RecordedNode: pve-sim as the node of the recordings, and whoever asks it what the real one was asked."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import recordings

ALL = recordings.load()
TEMPLATE = "busybox-1.0_amd64.tar.gz"
UPID = re.compile(r"UPID:[^/\s]+:")
SECRET = re.compile(r"00000000-0000-4000-8000-\d{12}")
BOUNDARY = "a-part-of-the-upload"


class RecordedNode(unittest.TestCase):
    """Each test has a node of its own, `pve1`, with nothing on it but the template, and brings it into the state in
    which the recordings it replays were made."""

    program = None  # pve-sim
    work = None  # where their folders are made
    template = None  # a guest that does nothing until it is asked to end
    replayed = set()
    options = ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=self.work)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.templates = self.folder / "local/template/cache"
        self.templates.mkdir(parents=True)
        (self.templates / TEMPLATE).symlink_to(self.template)
        self.process = subprocess.Popen(
            [self.program, "--directory", self.folder, "--node", "pve1", "--bridge", "vmbr0", "--token", "agent",
             "--auth-delay-ms", "1", *self.options], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        words = dict(word.split("=", 1) for word in self.process.stdout.readline().split() if "=" in word)
        self.address = words["url"].removeprefix("https://")
        self.trusted = ssl.create_default_context(cafile=words["ca"])
        self.password = pathlib.Path(words["password"]).read_text().strip()
        # What stands in the recordings, and what stands for it at this node.
        self.here = {recordings.TOKEN: "PVEAPIToken=" + pathlib.Path(words["token"]).read_text().strip(),
                     "username=root@pam&password=secret": f"username=root@pam&password={self.password}"}

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def connect(self):
        return contextlib.closing(http.client.HTTPSConnection(self.address, context=self.trusted, timeout=60))

    def send(self, connection, method, target, headers, body=None):
        """Status line's rest, headers and body."""
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return f"{answer.status} {answer.reason}", answer.headers, answer.read()

    def ask(self, method, path, /, **form):
        """What a test needs beside the recordings: the answer's data, which must be good."""
        status, text = self.answer(method, path, form)
        self.assertEqual(status, "200 OK", (method, path, form, text))
        return json.loads(text)["data"]

    def refusal(self, method, path, **form):
        """The first line of what an error says."""
        status, text = self.answer(method, path, form)
        self.assertTrue(status.startswith("500 "), (method, path, form, text))
        return json.loads(text)["message"].splitlines()[0]

    def answer(self, method, path, form):
        login = {"Authorization": self.here[recordings.TOKEN]}
        body = None
        if method in ("POST", "PUT"):
            login["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(form).encode()
        elif form:
            path += "?" + urllib.parse.urlencode(form)
        with self.connect() as connection:
            status, _, text = self.send(connection, method, "/api2/json" + path, login, body)
        return status, text

    def end_of(self, upid):
        """The task's exit status, once it has one."""
        until = time.monotonic() + 60
        while (status := self.ask("GET", f"/nodes/pve1/tasks/{upid}/status"))["status"] != "stopped":
            self.assertLess(time.monotonic(), until, status)
            time.sleep(0.02)
        return status["exitstatus"]

    def do(self, method, path, /, **form):
        """A task that must end well."""
        self.assertEqual(self.end_of(self.ask(method, "/nodes/pve1" + path, **form)), "OK")

    def make_guest(self, vmid, **more):
        given = {"rootfs": "local:1", "memory": 64, "swap": 0, "unprivileged": 1, "ostype": "unmanaged", **more}
        self.do("POST", "/lxc", vmid=vmid, ostemplate=f"local:vztmpl/{TEMPLATE}", **given)

    def localized(self, text):
        for recorded, here in self.here.items():
            text = text.replace(recorded, here).replace(urllib.parse.quote(recorded, safe="!"),
                                                        urllib.parse.quote(here, safe="!"))
        return text

    def remember(self, recorded, seen):
        """Later recordings speak of the tasks, tokens and tickets of earlier ones."""
        if isinstance(recorded, dict) and isinstance(seen, dict):
            for key in recorded.keys() & seen.keys():
                self.remember(recorded[key], seen[key])
        elif isinstance(recorded, str) and isinstance(seen, str) and recorded != seen:
            if UPID.fullmatch(recorded) or SECRET.fullmatch(recorded) or recorded.endswith(":SIGNATURE"):
                self.here[recorded] = seen

    def body_of(self, recording):
        """What is sent after the headers, and its type."""
        if recording.json is not None:
            return recording.json.encode(), "application/json"
        if recording.form is not None:
            text = recordings.written_out(self.localized(recording.form))
            return text.encode(), "application/x-www-form-urlencoded"
        if recording.parts is None:
            return (b"" if recording.headers.get("Content-Length") == "0" else None), None
        body = b""
        for name, value in recording.parts:
            a_file = isinstance(value, dict)
            more = f'; filename="{value["file"]}"' if a_file else ""
            body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
            body += (pathlib.Path(self.template).read_bytes() if a_file else value.encode()) + b"\r\n"
        return body + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"

    def replay(self, *names):
        """Asks what was asked, and compares what is answered; the data of the last answer."""
        data = None
        for name in names:
            with self.subTest(recording=name):
                data = self.replay_one(ALL[name])
        return data

    def replay_one(self, recording):
        self.replayed.add(recording.name)
        body, kind = self.body_of(recording)
        headers = {name: self.localized(value) for name, value in recording.login.items()}
        headers.update((name, value) for name, value in recording.headers.items() if name != "Content-Length")
        if kind:
            headers["Content-Type"] = kind
        target = recordings.written_out(self.localized(recording.target))
        with self.connect() as connection:
            sockets = set()
            for _ in range(recording.times):
                seen = self.send(connection, recording.method, target, headers, body)
                sockets.add(connection.sock)
            self.assertEqual(len(sockets), 1)
        return self.compare(recording, *seen)

    def compare(self, recording, answer, headers, body):
        comparison = recordings.Comparison(recording.name, self.plain)
        comparison.compare(recording.answer, answer, "status line")
        good = recording.answer.startswith("200 ")
        comparison.compare(not good, headers.get("Connection") == "close", "connection closed")
        comparison.compare(recording.has_body, bool(body), "has a body")
        if recording.content_type or not recording.has_body:  # the simulator's HTTP library names one for every text
            comparison.compare(recording.content_type, headers.get("Content-Type"), "Content-Type")
        data = None
        if recording.text is not None:
            comparison.compare(recording.text, body.decode().rstrip("\n"))
        elif recording.body is not None:
            try:
                seen = json.loads(body)
            except ValueError:
                seen = body.decode()
            comparison.compare(recording.body, seen)
            self.remember(recording.body, seen)
            data = seen.get("data") if isinstance(seen, dict) else None
        if comparison.differences:
            self.fail(f"{recording.name}:\n" + "\n".join(comparison.differences))
        return data

    def plain(self, text):
        """Without what a test's node has and the recorded one has not."""
        return (text.replace(str(self.folder / "local"), "/var/lib/vz")
                .replace(str(self.folder / "elsewhere"), "/var/lib/dir2").replace(str(self.folder), ""))
