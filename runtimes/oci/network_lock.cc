#include "runtimes/oci/network_lock.h"

#include <filesystem>
#include <string>
#include <vector>

#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kCriuChain = "-N CRIU";

/// A line of `iptables -S` that sends packets to the chain.
bool leads_to_criu(std::string_view rule) {
  return rule == "-A INPUT -j CRIU" || rule == "-A OUTPUT -j CRIU";
}

std::vector<std::string> rule_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

/// By one of the two programs.
Result<> unlock_traffic_by(const std::vector<std::string>& program, const system::Stop& stop) {
  const auto call = [&](std::vector<std::string> words) {
    words.insert(words.begin(), program.begin(), program.end());
    return system::run_ok(words, stop);
  };
  const Result<std::string> rules = call({"-S"});
  if (!rules && rules.error().code == Code::cancelled) {
    return Failure(rules.error());
  }
  if (!rules) {
    return {};  // what cannot even list rules has made none
  }
  bool has_chain = false;
  for (const std::string& rule : rule_lines(*rules)) {
    has_chain = has_chain || rule == kCriuChain;
    if (leads_to_criu(rule)) {
      TRY(call({"-D", rule.starts_with("-A INPUT") ? "INPUT" : "OUTPUT", "-j", "CRIU"}));
    }
  }
  if (has_chain) {
    TRY(call({"-F", "CRIU"}));
    TRY(call({"-X", "CRIU"}));
  }
  return {};
}

}  // namespace

Result<> unlock_network(const system::Path& netns, const system::Stop& stop) {
  std::error_code error;
  if (!std::filesystem::exists(netns, error)) {
    return {};
  }
  for (const char* program : {"iptables", "ip6tables"}) {
    TRY(unlock_traffic_by({"nsenter", "--net=" + netns.native(), "--", program, "-w"}, stop)
            .context("let traffic through again"));
  }
  return {};
}

}  // namespace drover::runtimes
