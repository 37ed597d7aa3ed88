"""Addresses of a DHCP server for containers of runc and lxc. A part of things_life.py."""

import subprocess
import time

from whole_node import SERVE

PLUGIN = "/usr/lib/cni/dhcp"


class ContainerLeases:
    """Of a test case with `node` and its `stream` of events."""

    def start_dhcp_daemon(self):
        """As its unit does (packaging/debian/drover.drover-cni-dhcp.service)."""
        socket = self.node.work / "run/dhcp.sock"
        socket.unlink(missing_ok=True)
        daemon = subprocess.Popen([PLUGIN, "daemon", "-socketpath", str(socket), "-timeout", "5s", "-resendmax", "4s"],
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(self.end_program, daemon)
        until = time.monotonic() + 30
        while not socket.exists() and time.monotonic() < until:
            time.sleep(0.02)
        self.assertTrue(socket.exists())
        return daemon

    def end_program(self, program):
        program.kill()
        program.wait()

    def start_dhcp_server(self, bridge, address, router):
        """It has one address to give, so whoever has not given it back keeps it from the next."""
        folder = self.node.work / "dhcp"
        folder.mkdir(exist_ok=True)
        (folder / "leases").write_text("")
        (folder / "conf").write_text(
            f"interface {bridge}\nstart {address}\nend {address}\nlease_file {folder}/leases\npidfile {folder}/pid\n"
            f"option subnet 255.255.255.0\noption router {router}\noption dns 192.0.2.53\n"
            "option domain lan.example\noption lease 600\n")
        server = subprocess.Popen(["busybox", "udhcpd", "-f", "-a", "20", str(folder / "conf")], stderr=subprocess.DEVNULL)
        self.addCleanup(self.end_program, server)
        return server

    def await_interface(self, name, wanted):
        """The reconciler looks once when an agent begins."""
        until = time.monotonic() + 60
        while self.node.inspect(name)["networks"][0]["address"] != wanted and time.monotonic() < until:
            time.sleep(0.1)
        self.assertEqual(self.node.inspect(name)["networks"][0]["address"], wanted)

    def test_an_address_of_a_dhcp_server_is_a_containers_over_restarts_until_its_end(self):
        drover = self.node.drover
        drover("network", "ensure", "leased", "--address", "10.85.0.1/24")
        drover("network", "ensure", "beside", "--address", "10.86.0.1/24")
        network = ["--network", "eth0=leased,address=dhcp", "--network", "eth1=beside"]
        refused = drover("run", "--runtime", "runc", "--name", "early", *network, check=False)
        self.assertIn("systemctl enable --now drover-cni-dhcp", refused.stderr)
        daemon = self.start_dhcp_daemon()
        server = self.start_dhcp_server("leased", "10.85.0.50", "10.85.0.1")
        for runtime in ["runc", "lxc"]:
            with self.subTest(runtime=runtime):
                name = f"leased-{runtime}"
                drover("run", "--runtime", runtime, "--name", name, *network, "--", "sh", "-c", SERVE % 0)
                before = self.node.inspect(name)["networks"]
                self.assertEqual((before[0]["address"], before[0]["gateway"]), ("10.85.0.50/24", "10.85.0.1"))
                self.assertEqual(before[1]["gateway"], "")
                self.reach(name)
                for _ in range(2):
                    routes = drover("exec", name, "--", "ip", "route").stdout
                    self.assertIn("default via 10.85.0.1 dev eth0", routes)
                    self.assertEqual(routes.count("default"), 1)
                    self.assertIn("nameserver 192.0.2.53", drover("exec", name, "--", "cat", "/etc/resolv.conf").stdout)
                    drover("restart", name)
                    self.assertEqual(self.node.inspect(name)["networks"], before)
                drover("rm", "--force", name)
        # The gateway that a job names leads out, whatever a server sends.
        drover("run", "--runtime", "runc", "--name", "leased", "--network", "eth0=leased,address=dhcp", "--network",
               "eth1=beside,gateway=10.86.0.1", "--", "sh", "-c", SERVE % 0)
        routes = drover("exec", "leased", "--", "ip", "route").stdout
        self.assertIn("default via 10.86.0.1 dev eth1", routes)
        self.assertEqual(routes.count("default"), 1)
        # Both daemons are other ones now: the agent has nobody's lease renewed, and says so.
        self.end_program(daemon)
        self.end_program(server)
        self.node.end()
        self.start_dhcp_daemon()
        self.start_dhcp_server("leased", "10.85.0.60", "10.85.0.1")
        self.node.start()
        self.await_interface("leased", "10.85.0.60/24")
        self.assertEqual(drover("exec", "leased", "--", "ip", "route").stdout.count("default"), 1)
        drover("restart", "leased")
        self.assertIn("10.85.0.60 leased\n", drover("exec", "leased", "--", "cat", "/etc/hosts").stdout)
        drover("rm", "--force", "leased")
        drover("network", "rm", "leased", "beside")
