#include "tests/pve-sim/contract.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <regex>
#include <stdexcept>

#include "agent/core/ip_address.h"

namespace drover::pve_sim {

extern const char* const kContractText;

namespace {

// "net3" is described as "net[n]".
const json::Value* description_of(const json::Value& method, const std::string& name) {
  if (const json::Value* found = method.find(name)) {
    return found;
  }
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  return digits < name.size() ? method.find(name.substr(0, digits) + "[n]") : nullptr;
}

template <class Number>
std::string number_fault(const json::Value& rule, const std::string& value, const char* type) {
  Number number{};
  const char* end = value.data() + value.size();
  if (value.empty() || std::from_chars(value.data(), end, number).ptr != end) {
    return fmt::format("type check ('{}') failed - got '{}'", type, value);
  }
  if (rule.at("min").is_number() && static_cast<double>(number) < rule.at("min").number()) {
    return fmt::format("value must have a minimum value of {}", rule.at("min").number());
  }
  if (rule.at("max").is_number() && static_cast<double>(number) > rule.at("max").number()) {
    return fmt::format("value must have a maximum value of {}", rule.at("max").number());
  }
  return "";
}

bool is_cidr_v4(const std::string& value) {
  const std::size_t slash = value.find('/');
  in_addr address{};
  int prefix = -1;
  const char* end = value.data() + value.size();
  return slash != std::string::npos &&
         inet_pton(AF_INET, value.substr(0, slash).c_str(), &address) == 1 &&
         std::from_chars(value.data() + slash + 1, end, prefix).ptr == end && prefix >= 0 &&
         prefix <= 32;
}

std::string network_format_fault(std::string_view format, const std::string& value) {
  if (format == "ip") {
    return is_address(value) ? ""
                             : "invalid format - value does not look like a valid IP address\n";
  }
  static const std::regex mac("[a-fA-F0-9][02468aceACE](:[a-fA-F0-9]{2}){5}");
  return std::regex_match(value, mac)
             ? ""
             : "invalid format - value does not look like a valid unicast MAC address\n";
}

// A list of content types.
std::string content_fault(std::string_view value) {
  constexpr std::array<std::string_view, 8> kKnown{"images", "rootdir",  "vztmpl", "iso",
                                                   "backup", "snippets", "import", "none"};
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(','), value.size());
    if (std::find(kKnown.begin(), kKnown.end(), value.substr(0, end)) == kKnown.end()) {
      return fmt::format("invalid format - invalid content type '{}'\n", value.substr(0, end));
    }
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return "";
}

std::string fault_of(const json::Value& rule, const std::string& name, const std::string& value) {
  const std::string_view type = rule.at("type").string_or("string");
  if (type == "boolean" && value != "0" && value != "1") {
    return fmt::format("type check ('boolean') failed - got '{}'", value);
  }
  if (type == "integer") {
    // A format that is wrong is told in place of the limits.
    if (name == "vmid" && value.find_first_not_of("0123456789") == std::string::npos &&
        (value.size() < 3 || value.size() > 9 || value.front() == '0')) {
      return "invalid format - value does not look like a valid VM ID\n";
    }
    return number_fault<std::int64_t>(rule, value, "integer");
  }
  if (type == "number") {
    return number_fault<double>(rule, value, "number");
  }
  if (rule.at("longest").is_number() &&
      static_cast<double>(value.size()) > rule.at("longest").number()) {
    return fmt::format("value may only be {} characters long", rule.at("longest").number());
  }
  if (rule.at("shortest").is_number() &&
      static_cast<double>(value.size()) < rule.at("shortest").number()) {
    return fmt::format("value must be at least {} characters long", rule.at("shortest").number());
  }
  if (const std::string* pattern = rule.at("pattern").string();
      pattern != nullptr && !std::regex_match(value, std::regex(*pattern))) {
    return "value does not match the regex pattern";
  }
  if (const std::string_view format = rule.at("format").string_or("");
      format == "ip" || format == "mac-addr") {
    return network_format_fault(format, value);
  }
  if (const json::Array* allowed = rule.at("enum").array()) {
    std::string list;
    for (const json::Value& one : *allowed) {
      if (one.string_or("") == value) {
        return "";
      }
      list += (list.empty() ? "" : ", ") + std::string(one.string_or(""));
    }
    return fmt::format("value '{}' does not have a value in the enumeration '{}'", value, list);
  }
  if (rule.at("format").string_or("") == "CIDRv4" && !is_cidr_v4(value)) {
    return "invalid format - value does not look like a valid IPv4 CIDR network\n";
  }
  if (name == "hostname" && (value.empty() || value.front() == '-' ||
                             !std::all_of(value.begin(), value.end(), [](unsigned char c) {
                               return std::isalnum(c) != 0 || c == '-' || c == '.';
                             }))) {
    return "invalid format - value does not look like a valid DNS name\n";
  }
  if (name.starts_with("net") && rule.at("type").string_or("") == "string" &&
      name.find_first_of("0123456789") == 3 && value.find('=') == std::string::npos) {
    return "invalid format - value without key, but schema does not define a default key\n";
  }
  if (rule.at("format").string_or("") == "pve-storage-content-list") {
    return content_fault(value);
  }
  if (const std::string* pattern = rule.at("pattern").string()) {
    return std::regex_match(value, std::regex(*pattern)) ? ""
                                                         : "value does not match the regex pattern";
  }
  if (name == "size") {
    std::string_view digits = value;
    if (digits.ends_with('M') || digits.ends_with('G')) {
      digits.remove_suffix(1);
    }
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
      return "value does not match the regex pattern";
    }
  }
  return "";
}

}  // namespace

Contract::Contract() {
  Result<json::Value> parsed = json::parse(kContractText);
  if (!parsed) {
    throw std::runtime_error("contract.json: " + to_text(parsed.error()));
  }
  methods_ = std::move(*parsed);
}

std::vector<std::string> Contract::methods() const {
  std::vector<std::string> names;
  for (const auto& [name, parameters] : *methods_.object()) {
    names.emplace_back(name);
  }
  return names;
}

bool Contract::has_parameter(std::string_view method, const std::string& name) const {
  return description_of(methods_.at(method), name) != nullptr;
}

Parameters Contract::check(std::string_view method_name, const Form& form,
                           const Parameters& path_parameters,
                           std::map<std::string, std::string>& errors) const {
  const json::Value& method = methods_.at(method_name);
  Parameters passed;
  Form all = form;
  for (const auto& [name, value] : path_parameters) {
    all[name] = {value};
  }
  for (const auto& [name, values] : all) {
    if (name == "node") {
      passed[name] = values.front();
      continue;
    }
    const json::Value* rule = description_of(method, name);
    if (rule == nullptr) {
      errors[name] =
          "property is not defined in schema and the schema does not allow additional properties";
    } else if (values.size() > 1) {
      errors[name] =
          fmt::format("type check ('{}') failed - got ARRAY", rule->at("type").string_or("string"));
    } else if (std::string fault = fault_of(*rule, name, values.front()); !fault.empty()) {
      errors[name] = std::move(fault);
    } else {
      passed[name] = values.front();
    }
  }
  if (const json::Object* rules = method.object()) {
    for (const auto& [name, rule] : *rules) {
      if (!rule.at("optional").boolean_or(false) && !all.contains(name)) {
        errors[name] = "property is missing and it is not optional";
      }
    }
  }
  return passed;
}

}  // namespace drover::pve_sim
