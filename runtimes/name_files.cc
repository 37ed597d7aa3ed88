#include "runtimes/name_files.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/system/mount_target.h"
#include "runtimes/user_view.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kResolvConf = "resolv.conf";
constexpr std::string_view kHosts = "hosts";
constexpr std::string_view kHostname = "hostname";
constexpr std::size_t kMostOfResolvConf = std::size_t{64} << 10;

using Words = std::vector<std::string>;

bool is_loopback_resolver(const std::string& server) {
  return server.starts_with("127.") || address_of(server) == "::1";
}

Words words_of_line(const std::string& line) {
  std::istringstream stream(line.substr(0, line.find_first_of("#;")));
  Words words;
  for (std::string word; stream >> word;) {
    words.push_back(std::move(word));
  }
  return words;
}

/// As resolv.conf(5) says: the last search, and all options.
DnsSpec read_resolv_conf(std::string_view text) {
  DnsSpec dns;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const Words words = words_of_line(line);
    if (words.size() < 2) {
      continue;
    }
    const std::string& key = words.front();
    const Words rest(words.begin() + 1, words.end());
    // A scope names an interface of the node.
    if (key == "nameserver" && is_address(rest.front()) && !is_loopback_resolver(rest.front())) {
      dns.servers.push_back(rest.front());
    } else if (key == "search" || key == "domain") {
      dns.search = rest;
    } else if (key == "options") {
      dns.options.insert(dns.options.end(), rest.begin(), rest.end());
    }
  }
  return dns;
}

std::string line_of(std::string_view key, const Words& words) {
  std::string line(key);
  for (const std::string& word : words) {
    line += " " + word;
  }
  return words.empty() ? "" : line + "\n";
}

/// systemd-resolved's own file names itself alone; those that it asks stand in another.
std::string node_resolv_conf() {
  for (const char* file : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
    std::string text = system::read_file(file, kMostOfResolvConf).value_or("");
    if (!read_resolv_conf(text).servers.empty()) {
      return text;
    }
  }
  return system::read_file("/etc/resolv.conf", kMostOfResolvConf).value_or("");
}

std::string name_inside(const Container& container) {
  return container.spec.hostname.empty() ? container.name.str() : container.spec.hostname;
}

bool is_covered(const Container& container, const std::string& target) {
  const auto covers = [&target](const auto& mount) {
    const Path covered = Path(mount.target).lexically_normal() / "";
    return (target + "/").starts_with(covered.native());
  };
  const ContainerSpec& spec = container.spec;
  return std::any_of(spec.volumes.begin(), spec.volumes.end(), covers) ||
         std::any_of(spec.mounts.begin(), spec.mounts.end(), covers);
}

}  // namespace

std::string resolv_conf_of(const DnsSpec& dns, std::string_view node) {
  const DnsSpec theirs = read_resolv_conf(node);
  const auto chosen = [](const Words& wanted, const Words& otherwise) -> const Words& {
    return wanted.empty() ? otherwise : wanted;
  };
  std::string text = line_of("search", chosen(dns.search, theirs.search));
  for (const std::string& server : chosen(dns.servers, theirs.servers)) {
    text += line_of("nameserver", {server});
  }
  return text + line_of("options", chosen(dns.options, theirs.options));
}

std::string hosts_of(const Container& container, const std::vector<Attachment>& interfaces) {
  Words own{name_inside(container)};
  if (own.front() != container.name.str()) {
    own.push_back(container.name.str());
  }
  std::string text =
      "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
      "ff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n";
  bool has_address = false;
  for (const Attachment& interface : interfaces) {
    if (const std::string address = address_of(interface.address); !address.empty()) {
      text += line_of(address, own);
      has_address = true;
    }
  }
  if (!has_address) {
    text += line_of("127.0.1.1", own);  // as Debian does for one whose address may change
  }
  for (const HostEntry& entry : container.spec.hosts) {
    text += line_of(entry.address, entry.names);
  }
  return text;
}

std::vector<BindMount> name_mounts(const Layout& layout, const Container& container) {
  std::vector<BindMount> mounts;
  for (const std::string_view file : {kResolvConf, kHosts, kHostname}) {
    std::string target = fmt::format("/etc/{}", file);
    if (!is_covered(container, target)) {
      mounts.push_back({seen_at(layout, container, layout.names(container.name)) / file,
                        std::move(target), false});
    }
  }
  return mounts;
}

namespace {

/// What its job says, and where that says nothing the DHCP server of an interface.
DnsSpec dns_of(const Container& container, const std::vector<Attachment>& interfaces) {
  DnsSpec dns = container.spec.dns;
  for (const Attachment& interface : interfaces) {
    for (const auto member : {&DnsSpec::servers, &DnsSpec::search}) {
      if ((dns.*member).empty()) {
        dns.*member = interface.dns.*member;
      }
    }
  }
  return dns;
}

}  // namespace

Result<> write_name_files(const Layout& layout, const Container& container,
                          const std::vector<Attachment>& interfaces) {
  const Path folder = layout.names(container.name);
  const Path seen = seen_at(layout, container, folder);
  for (const BindMount& mount : container.mounts) {
    if (mount.source.parent_path() != seen) {
      continue;
    }
    const std::string file = mount.source.filename();
    const std::string text = file == kResolvConf
                                 ? resolv_conf_of(dns_of(container, interfaces), node_resolv_conf())
                             : file == kHosts ? hosts_of(container, interfaces)
                                              : name_inside(container) + "\n";
    TRY(system::make_folders(folder, 0700));
    TRY(system::write_in_place(folder / file, text));
    TRY(system::make_mount_target(container.rootfs, mount.target)
            .context(fmt::format("container {}", container.name.str())));
  }
  return {};
}

}  // namespace drover::runtimes
