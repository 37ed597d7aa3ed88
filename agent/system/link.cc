#include "agent/system/link.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "agent/system/unique_fd.h"

namespace drover::system {
namespace {

struct LinkQuestion {
  nlmsghdr header;
  ifinfomsg link;
  rtattr attribute;
  std::array<char, IFNAMSIZ> name;
};

/// A link's answer is a few KiB; one with many virtual functions is cut off behind what is read.
using LinkAnswer = std::array<char, 32768>;

/// The attributes of one level, one after the other, each with its bounds checked.
template <class Visit>
void each_attribute(std::string_view bytes, const Visit& visit) {
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr attribute{};
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > bytes.size()) {
      return;
    }
    visit(attribute.rta_type & NLA_TYPE_MASK,
          bytes.substr(sizeof attribute, attribute.rta_len - sizeof attribute));
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), RTA_ALIGN(attribute.rta_len)));
  }
}

/// Texts end with a zero.
std::string text_of(std::string_view bytes) {
  return std::string(bytes.substr(0, bytes.find('\0')));
}

Link read_link(const ifinfomsg& info, std::string_view attributes) {
  Link link;
  std::string_view of_kind;  // what only links of its kind have
  link.up = (info.ifi_flags & IFF_UP) != 0;
  each_attribute(attributes, [&](int type, std::string_view value) {
    if (type == IFLA_IFALIAS) {
      link.alias = text_of(value);
    } else if (type == IFLA_MASTER) {
      link.plugged = true;
    } else if (type == IFLA_LINKINFO) {
      each_attribute(value, [&](int inner, std::string_view data) {
        if (inner == IFLA_INFO_KIND) {
          link.kind = text_of(data);
        } else if (inner == IFLA_INFO_DATA) {
          of_kind = data;
        }
      });
    } else if (type == IFLA_MTU && value.size() >= sizeof link.mtu) {
      std::memcpy(&link.mtu, value.data(), sizeof link.mtu);
    }
  });
  if (link.kind == "bridge") {
    each_attribute(of_kind, [&](int type, std::string_view value) {
      link.filters_vlans = link.filters_vlans || (type == IFLA_BR_VLAN_FILTERING &&
                                                  !value.empty() && value.front() != '\0');
    });
  }
  return link;
}

}  // namespace

Result<std::optional<Link>> look_at_link(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return std::optional<Link>();
  }
  const auto failed = [&name](int error) {
    return fail(Code::broken, "look at interface {}: {}", name, std::strerror(error));
  };
  LinkQuestion question{};
  question.header = {sizeof question, RTM_GETLINK, NLM_F_REQUEST, 1, 0};
  question.link.ifi_family = AF_UNSPEC;
  question.attribute = {static_cast<unsigned short>(RTA_LENGTH(IFNAMSIZ)), IFLA_IFNAME};
  std::memcpy(question.name.data(), name.data(), name.size());
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid() || ::send(socket.get(), &question, sizeof question, 0) < 0) {
    return failed(errno);
  }
  LinkAnswer answer{};
  const ssize_t size = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (size < 0) {
    return failed(errno);
  }
  const std::string_view bytes(answer.data(), static_cast<std::size_t>(size));
  nlmsghdr header{};
  ifinfomsg info{};
  if (bytes.size() < sizeof header + sizeof(nlmsgerr::error)) {
    return failed(EBADMSG);
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.nlmsg_type == NLMSG_ERROR) {
    int error = 0;
    std::memcpy(&error, bytes.data() + sizeof header, sizeof error);
    return error == -ENODEV ? Result<std::optional<Link>>(std::optional<Link>()) : failed(-error);
  }
  constexpr std::size_t kBefore = NLMSG_LENGTH(sizeof info);
  if (header.nlmsg_type != RTM_NEWLINK || bytes.size() < kBefore) {
    return failed(EBADMSG);
  }
  std::memcpy(&info, bytes.data() + sizeof header, sizeof info);
  return std::optional(read_link(info, bytes.substr(kBefore)));
}

bool has_link(const std::string& name) {
  const Result<std::optional<Link>> link = look_at_link(name);
  return link && *link;
}

bool is_link_up(const std::string& name) {
  const Result<std::optional<Link>> link = look_at_link(name);
  return link && *link && (*link)->up;
}

}  // namespace drover::system
