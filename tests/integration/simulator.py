"""A Proxmox node of the tests' own (tests/pve-sim), as a whole node's tests have it."""

import json
import pathlib
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]


def sh(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


class Simulator:
    """A Proxmox node (tests/pve-sim) with a storage, on loopback."""

    def __init__(self, build, work, image, *options, node="node1"):
        self.folder = work / "sim"
        self.lxc_path = work / "pve-lxc"
        self.folder.mkdir()
        template = self.folder / "local/template/cache/busybox.tar.gz"
        sh(str(TOP / "packaging/busybox-image"), str(image), "--template", str(template))
        self.log = open(work / "pve-sim.log", "ab")
        self.argv = [build / "tests/pve-sim/pve-sim", "--directory", self.folder, "--node", node, "--bridge", "vmbr0",
                     "--lxc-path", self.lxc_path, "--auth-delay-ms", "1", "--keep", *options]
        words = self.start()
        self.argv += ["--port", words["url"].rsplit(":", 1)[1]]
        self.config = {"url": words["url"], "token_file": words["token"], "fingerprint": words["fingerprint"],
                       "lxc_path": str(self.lxc_path), "unit_folder": str(self.folder / "units"),
                       "guest_folder": str(self.folder / "configs")}

    def start(self):
        """At the same port as before, with all that was there; what it says of itself."""
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=self.log, text=True)
        return dict(word.split("=", 1) for word in self.process.stdout.readline().split() if "=" in word)

    def call(self, method, path, **form):
        """As somebody else who uses the API; the answer's data."""
        token = pathlib.Path(self.config["token_file"]).read_text().strip()
        fields = [word for name, value in form.items() for word in ("--data-urlencode", f"{name}={value}")]
        answer = subprocess.run(["curl", "--silent", "--insecure", "--request", method, *fields, "--header",
                                 f"Authorization: PVEAPIToken={token}", f"{self.config['url']}/api2/json{path}"],
                                stdout=subprocess.PIPE, text=True, check=True).stdout
        return json.loads(answer)["data"]

    def make_zone(self, name, **options):
        """A zone of the SDN, applied, as an admin makes it."""
        self.call("POST", "/cluster/sdn/zones", zone=name, **options)
        task = self.call("PUT", "/cluster/sdn")
        while self.call("GET", f"/nodes/node1/tasks/{task}/status")["status"] == "running":
            time.sleep(0.05)

    def join(self, other):
        """Makes the two the nodes of one quorate cluster."""
        for one, two, name in ((self, other, "other"), (other, self, "node1")):
            (one.folder / "nodes").mkdir()
            (one.folder / "nodes" / name).symlink_to(two.folder)
            (one.folder / "cluster").write_text("apps 1\n")

    def kill(self):
        """As kill -9 of the API's daemons: tasks and guests go on."""
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()

    def fault(self, *lines):
        """What goes wrong next (tests/pve-sim/faults.h), in place of what was to go wrong before."""
        whole = self.folder / "faults.new"
        whole.write_text("".join(f"{line}\n" for line in lines))
        whole.rename(self.folder / "faults")

    def await_task(self, kind):
        """The process of the task that runs now."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for task in (self.folder / "tasks").iterdir():
                words = task.name.split(":")
                if words[0] == "UPID" and words[5] == kind and pathlib.Path("/proc", str(int(words[2], 16))).exists():
                    return int(words[2], 16)
            time.sleep(0.005)
        raise AssertionError(f"no task {kind} runs")

    def faults_left(self):
        """Those that nothing has met yet."""
        lines = (self.folder / "faults").read_text().splitlines()
        return [line for line in lines if line.split()[1] != "0"]

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()
        self.log.close()
