#include "messaging/record.h"

#include <array>

namespace drover::messaging {
namespace {

constexpr std::size_t kSizes = 12;

void append_size(std::string& packet, std::size_t size) {
  for (unsigned shift = 0; shift < 32; shift += 8) {
    packet += static_cast<char>((size >> shift) & 0xff);
  }
}

std::size_t size_at(std::string_view packet, std::size_t offset) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    size |= std::size_t{static_cast<unsigned char>(packet[offset + i])} << (8 * i);
  }
  return size;
}

Result<> check_sizes(std::size_t header, std::size_t body, std::size_t data) {
  if (header > kMostHeader || body > kMostBody || data > kMostData) {
    return fail(Code::invalid,
                "record of {} + {} + {} bytes is larger than the {} + {} + {} accepted", header,
                body, data, kMostHeader, kMostBody, kMostData);
  }
  return {};
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::observe:
      return "observe";
    case Role::submit:
      return "submit";
    case Role::admin:
      return "admin";
  }
  return "unknown";
}

Result<> encode(const Record& record, std::string& packet) {
  const std::string header = json::write(record.header);
  TRY(check_sizes(header.size(), record.body.size(), record.data.size()));
  append_size(packet, header.size());
  append_size(packet, record.body.size());
  append_size(packet, record.data.size());
  packet += header;
  packet += record.body;
  packet += record.data;
  return {};
}

Result<std::vector<Record>> decode(std::string_view packet) {
  std::vector<Record> records;
  if (packet.empty() || packet.size() > kMostPacket) {
    return fail(Code::invalid, "packet of {} bytes: must have 1 to {}", packet.size(), kMostPacket);
  }
  while (!packet.empty()) {
    if (packet.size() < kSizes) {
      return fail(Code::invalid, "packet ends within the sizes of record {}", records.size());
    }
    const std::size_t header_size = size_at(packet, 0);
    const std::size_t body_size = size_at(packet, 4);
    const std::size_t data_size = size_at(packet, 8);
    TRY(check_sizes(header_size, body_size, data_size));
    packet.remove_prefix(kSizes);
    if (packet.size() < header_size + body_size + data_size) {
      return fail(Code::invalid, "packet ends within record {}", records.size());
    }
    json::Value header = TRY(json::parse(packet.substr(0, header_size), {.max_depth = 4}));
    if (header.object() == nullptr) {
      return fail(Code::invalid, "header of record {} is {}, not an object", records.size(),
                  header.type_name());
    }
    records.push_back(Record{std::move(*header.object()),
                             std::string(packet.substr(header_size, body_size)),
                             std::string(packet.substr(header_size + body_size, data_size))});
    packet.remove_prefix(header_size + body_size + data_size);
  }
  return records;
}

}  // namespace drover::messaging
