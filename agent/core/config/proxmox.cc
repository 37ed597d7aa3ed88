#include "agent/core/config/proxmox.h"

#include <utility>

#include "agent/core/config/paths.h"

namespace drover {
namespace {

std::string read_https(Fields& fields, std::string_view otherwise) {
  std::string url = fields.string("url", otherwise);
  if (fields.has("url") && (!url.starts_with("https://") || url.ends_with('/'))) {
    fields.fault("url", "must be of the form https://HOST:PORT");
  }
  return url;
}

/// SHA-256 as Proxmox shows it: 32 pairs of hexadecimal digits with colons between them.
std::string read_fingerprint(Fields& fields) {
  std::string text = fields.string("fingerprint");
  constexpr std::size_t kLength = 32 * 3 - 1;
  bool fits = text.empty() || text.size() == kLength;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_digit =
        std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string_view::npos;
    fits = fits && (i % 3 == 2 ? text[i] == ':' : is_digit);
  }
  if (!fits) {
    fields.fault("fingerprint", "must be 32 pairs of hexadecimal digits, \"AA:BB:...\"");
  }
  return text;
}

void read_proxmox_login(Fields& fields, ProxmoxConfig& proxmox) {
  proxmox.token_file = read_absolute(fields, "token_file", {});
  proxmox.user = fields.string("user");
  proxmox.password_file = read_absolute(fields, "password_file", {});
  if (proxmox.token_file.empty() == proxmox.password_file.empty()) {
    fields.fault("token_file", "must be given, or else user and password_file, and not both");
  } else if (proxmox.user.empty() != proxmox.password_file.empty()) {
    fields.fault("user", "must be given with password_file, and only then");
  } else if (const std::size_t at = proxmox.user.find('@');
             !proxmox.user.empty() &&
             (at == std::string::npos || at == 0 || at + 1 == proxmox.user.size())) {
    fields.fault("user", "must be of the form USER@REALM");
  }
}

}  // namespace

ProxmoxConfig read_proxmox_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ProxmoxConfig proxmox;
  proxmox.enabled = true;
  proxmox.ca_file = read_absolute(fields, "ca_file", {});
  proxmox.url = read_https(fields, proxmox.url);
  proxmox.fingerprint = read_fingerprint(fields);
  if (proxmox.ca_file.empty() == proxmox.fingerprint.empty()) {
    fields.fault("ca_file", "must be given, or else fingerprint, and not both");
  }
  constexpr std::size_t kMostOthers = 64;
  fields.each("others", kMostOthers, [&](const json::Value& element, std::string where) {
    Fields other(element, std::move(where), faults);
    other.require("url");
    ProxmoxConfig::Server server{read_https(other, ""), read_fingerprint(other)};
    if (proxmox.ca_file.empty() == server.fingerprint.empty()) {
      other.fault("fingerprint", "must be given when there is no ca_file, and only then");
    }
    other.finish();
    proxmox.others.push_back(std::move(server));
  });
  proxmox.node = fields.string("node");
  read_proxmox_login(fields, proxmox);
  proxmox.timeout_s = fields.integer("timeout_s", proxmox.timeout_s, 1, 600);
  constexpr std::int64_t kLeast = 100;
  constexpr std::int64_t kMost = 999'999'999;
  proxmox.volume_owner = fields.integer("volume_owner", proxmox.volume_owner, kLeast, kMost);
  proxmox.first_vmid = fields.integer("first_vmid", proxmox.first_vmid, kLeast, kMost);
  proxmox.last_vmid = fields.integer("last_vmid", proxmox.last_vmid, kLeast, kMost);
  if (proxmox.first_vmid > proxmox.last_vmid) {
    fields.fault("last_vmid", "must not be below first_vmid");
  }
  if (proxmox.volume_owner >= proxmox.first_vmid && proxmox.volume_owner <= proxmox.last_vmid) {
    fields.fault("volume_owner", "must lie outside first_vmid to last_vmid: no guest may have it");
  }
  proxmox.lxc_path = read_absolute(fields, "lxc_path", proxmox.lxc_path);
  proxmox.unit_folder = read_absolute(fields, "unit_folder", proxmox.unit_folder);
  proxmox.guest_folder = read_absolute(fields, "guest_folder", proxmox.guest_folder);
  fields.finish();
  return proxmox;
}

}  // namespace drover
