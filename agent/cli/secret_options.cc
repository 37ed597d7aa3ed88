#include "agent/cli/secret_options.h"

#include <algorithm>
#include <charconv>

namespace drover::cli {
namespace {

bool read_id(std::string_view text, std::uint32_t& id) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, id);
  return error == std::errc() && at == end;
}

bool set_property_of_secret(std::string_view property, SecretSpec& secret) {
  const std::size_t equals = std::min(property.find('='), property.size());
  const std::string_view key = property.substr(0, equals);
  const std::string_view value = property.substr(std::min(equals + 1, property.size()));
  if (key == "target") {
    secret.target = value;
    return value.starts_with('/');
  }
  if (key == "mode") {
    secret.mode = value;
    return !value.empty();
  }
  return (key == "uid" && read_id(value, secret.uid)) ||
         (key == "gid" && read_id(value, secret.gid));
}

}  // namespace

Result<SecretSpec> read_secret_option(std::string_view text) {
  SecretSpec secret;
  bool fits = true;
  std::string_view rest = text;
  for (bool first = true; fits && (first || !rest.empty()); first = false) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (first) {
      secret.name = part;
      fits = is_secret_name(part);
    } else {
      fits = set_property_of_secret(part, secret);
    }
  }
  return fits
             ? Result<SecretSpec>(secret)
             : fail(Code::invalid,
                    "--secret: \"{}\" is not NAME[,target=PATH][,uid=N][,gid=N][,mode=MODE]", text);
}

}  // namespace drover::cli
