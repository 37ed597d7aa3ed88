#include "proxmox/upid.h"

#include <array>
#include <charconv>

namespace drover::proxmox {
namespace {

template <class Number>
bool read_hex(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number, 16);
  return error == std::errc() && stopped == end;
}

}  // namespace

Result<Upid> Upid::parse(std::string_view text) {
  const Failure bad =
      fail(Code::broken, "the API named a task \"{}\", which is no UPID", text.substr(0, 200));
  std::array<std::string_view, 9> parts;
  std::string_view rest = text;
  for (std::string_view& part : parts) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos && &part != &parts.back()) {
      return bad;
    }
    part = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  Upid upid;
  if (parts[0] != "UPID" || !rest.empty() || !parts[8].empty() || parts[1].empty() ||
      parts[5].empty() || parts[7].empty() || !read_hex(parts[2], upid.pid) ||
      !read_hex(parts[3], upid.pstart) || !read_hex(parts[4], upid.start_time)) {
    return bad;
  }
  upid.node = parts[1];
  upid.type = parts[5];
  upid.id = parts[6];
  upid.user = parts[7];
  return upid;
}

std::string Upid::str() const {
  return fmt::format("UPID:{}:{:08X}:{:08X}:{:08X}:{}:{}:{}:", node, pid, pstart, start_time, type,
                     id, user);
}

}  // namespace drover::proxmox
