#include "tests/pve-sim/permissions.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "agent/core/split.h"

namespace drover::pve_sim {

extern const char* const kPermissionsText;

namespace {

bool is_placeholder(std::string_view part) {
  return part.starts_with('{');
}

/// "/vms/100" of "/vms/{vmid}".
std::string filled_in(std::string_view path, const Parameters& parameters) {
  std::string text;
  for (const std::string& part : split(path, "/")) {
    const auto given =
        is_placeholder(part) ? parameters.find(part.substr(1, part.size() - 2)) : parameters.end();
    text += "/" + (given == parameters.end() ? part : given->second);
  }
  return text.empty() ? "/" : text;
}

/// One check of the schema, such as ["perm", PATH, [PRIVILEGE...], "any", 1].
std::string failure_of(const json::Array& check, const Parameters& parameters, const Has& has) {
  const std::string_view kind = check.at(0).string_or("");
  if (kind == "and" || kind == "or") {
    std::string failure;
    for (auto part = check.begin() + 1; part != check.end(); ++part) {
      failure = failure_of(*part->array(), parameters, has);
      if (failure.empty() == (kind == "or")) {
        return failure;
      }
    }
    return kind == "or" ? permission_failed("") : "";
  }
  if (kind != "perm") {
    return "";
  }
  const bool any = check.size() > 4 && check.at(3).string_or("") == "any";
  const bool wants_parameter = check.size() > 4 && check.at(3).string_or("") == "require_param";
  if (wants_parameter && !parameters.contains(std::string(check.at(4).string_or("")))) {
    return permission_failed("");
  }
  const std::string path = filled_in(check.at(1).string_or(""), parameters);
  std::vector<std::string> lacking;
  const json::Array& privileges = *check.at(2).array();
  for (const json::Value& privilege : privileges) {
    if (!has(path, std::string(privilege.string_or("")))) {
      lacking.emplace_back(privilege.string_or(""));
    }
  }
  if (lacking.empty() || (any && lacking.size() < privileges.size())) {
    return "";
  }
  return permission_failed(
      fmt::format("{}, {}", path, any ? fmt::format("{}", fmt::join(lacking, "|")) : lacking[0]));
}

/// How well a method's path fits; what it names itself goes before what it leaves open.
std::optional<int> fitness(const std::vector<std::string>& pattern,
                           const std::vector<std::string>& path, Parameters& in_path) {
  const bool takes_rest = !pattern.empty() && pattern.back() == "{volume}";
  if (pattern.size() != path.size() && !(takes_rest && path.size() > pattern.size())) {
    return std::nullopt;
  }
  int named = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_placeholder(pattern[i])) {
      in_path[pattern[i].substr(1, pattern[i].size() - 2)] = path[i];
    } else if (pattern[i] == path[i]) {
      ++named;
    } else {
      return std::nullopt;
    }
  }
  return named;
}

}  // namespace

std::string permission_failed(const std::string& what) {
  return what.empty() ? "Permission check failed"
                      : fmt::format("Permission check failed ({})", what);
}

Permissions::Permissions() {
  Result<json::Value> parsed = json::parse(kPermissionsText);
  if (!parsed) {
    throw std::runtime_error("permissions.json: " + to_text(parsed.error()));
  }
  checks_ = std::move(*parsed);
}

std::optional<Permissions::Method> Permissions::find(const std::string& method,
                                                     const std::vector<std::string>& path) const {
  std::optional<Method> best;
  int most = -1;
  for (const auto& [name, check] : *checks_.object()) {
    if (!name.starts_with(method + " ")) {
      continue;
    }
    Parameters in_path;
    const std::optional<int> fits =
        fitness(split(std::string_view(name).substr(method.size() + 1), "/"), path, in_path);
    if (fits && *fits > most) {
      most = *fits;
      best = Method{std::string(name), std::move(in_path)};
    }
  }
  return best;
}

std::string Permissions::refusal(const std::string& method, const Parameters& parameters,
                                 const Has& has) const {
  const json::Array* const check = checks_.at(method).array();
  return check == nullptr ? "" : failure_of(*check, parameters, has);
}

}  // namespace drover::pve_sim
