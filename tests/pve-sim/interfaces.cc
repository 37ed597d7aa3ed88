#include "tests/pve-sim/interfaces.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/stat.h>

#include <algorithm>

#include "agent/system/child.h"
#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

path file_of(const Place& place) {
  return place.directory / "interfaces.json";
}

std::string_view text_at(const json::Value& interface, const char* key) {
  return interface.at(key).string_or("");
}

bool is_set(const json::Value& interface, const char* key) {
  return interface.at(key).integer_or(0) == 1;
}

bool is_one_of_the_node(const Place& place, const std::string& name) {
  return std::find(place.bridges.begin(), place.bridges.end(), name) != place.bridges.end();
}

/// As Proxmox writes it.
std::string text_of(const json::Object& interfaces) {
  std::string text = "auto lo\niface lo inet loopback\n\n";
  for (const auto& [name, value] : interfaces) {
    if (is_set(value, "autostart")) {
      text += fmt::format("auto {}\n", name);
    }
    const std::string_view cidr = text_at(value, "cidr");
    text += fmt::format("iface {} inet {}\n", name, cidr.empty() ? "manual" : "static");
    if (!cidr.empty()) {
      text += fmt::format("\taddress {}\n", cidr);
    }
    const std::string_view ports = text_at(value, "bridge_ports");
    text += fmt::format("\tbridge-ports {}\n\tbridge-stp off\n\tbridge-fd 0\n",
                        ports.empty() ? "none" : ports);
    if (is_set(value, "bridge_vlan_aware")) {
      text += "\tbridge-vlan-aware yes\n\tbridge-vids 2-4094\n";
    }
    if (const std::string_view comments = text_at(value, "comments"); !comments.empty()) {
      text += fmt::format("#{}", comments);
    }
    text += "\n";
  }
  return text + "source /etc/network/interfaces.d/*\n";
}

Result<> ip_tool(std::vector<std::string> arguments, const system::Stop& stop) {
  arguments.insert(arguments.begin(), "ip");
  TRY(system::run_ok(arguments, stop));
  return {};
}

Result<> bring_up(const std::string& name, const json::Value& interface, const system::Stop& stop) {
  if (if_nametoindex(name.c_str()) == 0) {
    std::vector<std::string> add = {"link", "add", "name", name, "type", "bridge"};
    if (is_set(interface, "bridge_vlan_aware")) {
      add.insert(add.end(), {"vlan_filtering", "1"});
    }
    TRY(ip_tool(std::move(add), stop));
  }
  if (const std::string_view cidr = text_at(interface, "cidr"); !cidr.empty()) {
    TRY(ip_tool({"address", "flush", "dev", name, "scope", "global"}, stop));
    TRY(ip_tool({"address", "replace", std::string(cidr), "dev", name}, stop));
  }
  return ip_tool({"link", "set", "dev", name, "up"}, stop);
}

std::vector<std::string> ports_of(const std::string& bridge) {
  std::vector<std::string> ports;
  const Result<std::string> text =
      system::run_ok({"ip", "-json", "link", "show", "master", bridge}, system::Stop());
  const Result<json::Value> links = text ? json::parse(*text) : Result<json::Value>(nullptr);
  if (const json::Array* list = links ? links->array() : nullptr) {
    for (const json::Value& link : *list) {
      if (const std::string_view name = link.at("ifname").string_or(""); !name.empty()) {
        ports.emplace_back(name);
      }
    }
  }
  return ports;
}

/// As ifupdown2's policy on Proxmox leaves them alone.
bool is_of_a_guest(const std::string& port) {
  return port.starts_with("tap") || port.starts_with("veth") || port.starts_with("fwpr");
}

Result<> set_ports(const std::string& bridge, const json::Value& interface,
                   const system::Stop& stop) {
  const std::string_view port = text_at(interface, "bridge_ports");
  for (const std::string& there : ports_of(bridge)) {
    if (there != port && !is_of_a_guest(there)) {
      TRY(ip_tool({"link", "set", "dev", there, "nomaster"}, stop));
    }
  }
  if (!port.empty() && if_nametoindex(std::string(port).c_str()) == 0) {
    return fail(Code::broken, "interface {}: bridge port {} does not exist", bridge, port);
  }
  return {};
}

Result<> take_down(const std::string& name, const system::Stop& stop) {
  return if_nametoindex(name.c_str()) == 0 ? Result<>()
                                           : ip_tool({"link", "delete", "dev", name}, stop);
}

}  // namespace

Result<Interfaces> load_interfaces(const Place& place) {
  const Result<std::string> text = system::read_file(file_of(place));
  if (!text && text.error().code != Code::not_found) {
    return Failure(text.error());
  }
  Interfaces interfaces;
  if (!text) {
    for (const std::string& name : place.bridges) {
      interfaces.applied.set(name, json::Object{{"type", "bridge"}, {"autostart", 1}});
    }
    interfaces.written = interfaces.applied;
    return interfaces;
  }
  json::Value both = TRY(json::parse(*text));
  interfaces.applied = std::move(*both.find("applied")->object());
  interfaces.written = std::move(*both.find("written")->object());
  return interfaces;
}

Result<> save_interfaces(const Place& place, const Interfaces& interfaces) {
  return system::write_atomically(
      file_of(place),
      json::write(json::Object{{"applied", interfaces.applied}, {"written", interfaces.written}}));
}

Result<std::string> changes_of(const Place& place, const Interfaces& interfaces) {
  const path applied = place.directory / "interfaces";
  const path written = place.directory / "interfaces.new";
  TRY(system::write_atomically(applied, text_of(interfaces.applied)));
  TRY(system::write_atomically(written, text_of(interfaces.written)));
  // Its exit status tells whether there is a difference.
  const system::Output output =
      TRY(system::run({"diff", "-b", "-u", applied.native(), written.native()}, system::Stop()));
  return output.out;
}

std::set<std::string> active_interfaces(const Place& place, const Interfaces& interfaces) {
  static struct stat read {};
  static std::set<std::string> active;
  struct stat now {};
  stat(file_of(place).c_str(), &now);
  if (read.st_ino != now.st_ino || read.st_mtim.tv_sec != now.st_mtim.tv_sec ||
      read.st_mtim.tv_nsec != now.st_mtim.tv_nsec || now.st_ino == 0) {
    read = now;
    active.clear();
    for (const auto& [name, value] : interfaces.written) {
      if (if_nametoindex(name.c_str()) != 0) {
        active.insert(name);
      }
    }
  }
  return active;
}

Result<> apply_interfaces(const Place& place, const system::Stop& stop) {
  Interfaces interfaces = TRY(load_interfaces(place));
  const json::Object before = interfaces.applied;
  interfaces.applied = interfaces.written;
  TRY(save_interfaces(place, interfaces));
  for (const auto& [name, value] : before) {
    if (interfaces.applied.find(name) == nullptr && ports_of(name).empty()) {
      TRY(take_down(name, stop));
    }
  }
  Result<> outcome;
  for (const auto& [name, value] : interfaces.applied) {
    if (!is_set(value, "autostart")) {
      continue;
    }
    // The node's first ones are what the test has made of them.
    if (!is_one_of_the_node(place, name)) {
      TRY(bring_up(name, value, stop));
    }
    if (const Result<> set = set_ports(name, value, stop); !set) {
      outcome = set;
    }
  }
  return outcome;
}

Result<> forget_interfaces(const Place& place, const system::Stop& stop) {
  const Interfaces interfaces = TRY(load_interfaces(place));
  for (const auto& [name, value] : interfaces.applied) {
    if (!is_one_of_the_node(place, name)) {
      TRY(take_down(name, stop));
    }
  }
  return system::remove_tree(file_of(place));
}

}  // namespace drover::pve_sim
