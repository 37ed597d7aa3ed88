// drover storage: where this node can make volumes.
#include <CLI/App.hpp>

#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {
namespace {

std::string bytes_cell(const json::Value& bytes) {
  return bytes.is_null() ? "-" : size_text(static_cast<std::uint64_t>(bytes.integer_or(0)));
}

/// What its volumes can do, in a few words.
std::string abilities(const json::Value& storage) {
  json::Array can;
  for (const auto& [key, word] :
       {std::pair("sized", "sized"), std::pair("grows", "grow"), std::pair("snapshots", "snapshot"),
        std::pair("shared", "shared")}) {
    if (storage.at(key).boolean_or(false)) {
      can.emplace_back(word);
    }
  }
  return joined(can);
}

std::vector<std::string> storage_cells(const json::Value& storage) {
  return {std::string(storage.at("name").string_or("")),
          std::string(storage.at("type").string_or("-")),
          std::string(storage.at("kind").string_or("-")),
          storage.at("active").boolean_or(false) ? "yes" : "no",
          bytes_cell(storage.at("total")),
          bytes_cell(storage.at("free")),
          abilities(storage),
          joined(storage.at("content")),
          std::string(storage.at("message").string_or("-"))};
}

}  // namespace

void add_storage(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("storage", "List storages");
  group->require_subcommand(1);
  add_list(*group, action, "List storages of this node and of Proxmox, and what they can",
           {"storages",
            {"NAME", "TYPE", "KIND", "ACTIVE", "TOTAL", "FREE", "CAN", "CONTENT", "MESSAGE"},
            storage_cells});
}

}  // namespace drover::cli
