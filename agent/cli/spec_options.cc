#include "agent/cli/spec_options.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace drover::cli {
namespace {

/// The text in front of the first `separator`, which is taken off `text` with it.
std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

std::optional<std::uint64_t> read_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

namespace {

/// None for what is no size.
std::optional<std::uint64_t> mebibytes_of(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 7> kUnits = {
      {{"MiB", 1},
       {"GiB", 1024},
       {"TiB", 1024 * 1024},
       {"M", 1},
       {"G", 1024},
       {"T", 1024 * 1024},
       {"", 1}}};
  for (const auto& [suffix, mebibytes] : kUnits) {
    if (!text.ends_with(suffix)) {
      continue;
    }
    const auto number = read_number(text.substr(0, text.size() - suffix.size()));
    if (number && *number > 0 && *number <= std::numeric_limits<std::uint64_t>::max() / mebibytes) {
      return *number * mebibytes;
    }
    break;
  }
  return std::nullopt;
}

}  // namespace

std::string size_fault(const std::string& text) {
  return mebibytes_of(text) ? "" : fmt::format("\"{}\" is no size, as 64M, 2G or 1T", text);
}

std::string signal_fault(const std::string& text) {
  return signal_from(text) ? "" : "must be a signal's name or its number 1 to 64";
}

Result<std::uint64_t> read_size(std::string_view option, std::string_view text) {
  const std::optional<std::uint64_t> size = mebibytes_of(text);
  return size ? Result<std::uint64_t>(*size)
              : fail(Code::invalid, "{}: {}", option, size_fault(std::string(text)));
}

Result<VolumeSpec> read_volume(std::string_view text) {
  const std::string_view whole = text;
  VolumeSpec volume;
  volume.name = take_part(text, ':');
  volume.target = take_part(text, ':');
  if (volume.name.empty() || volume.target.empty()) {
    return fail(Code::invalid, "--volume: \"{}\" is not NAME:TARGET[:SIZE[:STORAGE]][:ro]", whole);
  }
  if (text != "ro") {
    const std::string_view size = take_part(text, ':');
    volume.size_mib = size.empty() ? 0 : TRY(read_size("--volume", size));
  }
  if (text == "ro" || text.ends_with(":ro")) {
    volume.read_only = true;
    text.remove_suffix(text == "ro" ? 2 : 3);
  }
  volume.storage = text;
  return volume;
}

Result<std::pair<std::string, std::uint64_t>> read_volume_size(std::string_view text) {
  const std::string_view whole = text;
  const std::string name(take_part(text, ':'));
  if (name.empty() || text.empty()) {
    return fail(Code::invalid, "\"{}\" is not NAME:SIZE, as data:10G", whole);
  }
  const std::uint64_t size_mib = TRY(read_size("--volume", text));
  return std::pair(name, size_mib);
}

Result<VolumeSpec> read_mount(std::string_view text) {
  const std::string_view whole = text;
  VolumeSpec volume;
  volume.from = take_part(text, ':');
  volume.name = volume.from;
  volume.target = take_part(text, ':');
  volume.read_only = text == "ro";
  if (volume.from.empty() || volume.target.empty() || (!text.empty() && !volume.read_only)) {
    return fail(Code::invalid, "--mount: \"{}\" is not VOLUME:TARGET[:ro]", whole);
  }
  return volume;
}

Result<RestartPolicy> read_restart(std::string_view text) {
  const std::string_view whole = text;
  RestartPolicy policy;
  const std::string_view when = take_part(text, ':');
  const bool bounded = when.size() != whole.size();
  const std::optional<std::uint64_t> most = read_number(text);
  bool fits = !bounded || (most && *most >= 1 && *most <= 1'000'000);
  if (when == to_string(RestartPolicy::When::on_failure)) {
    policy.when = RestartPolicy::When::on_failure;
  } else if (when == to_string(RestartPolicy::When::always)) {
    policy.when = RestartPolicy::When::always;
  } else {
    fits = whole == to_string(RestartPolicy::When::never);
  }
  if (!fits) {
    return fail(Code::invalid,
                "--restart: \"{}\" is none of never, on-failure and always, the latter two with "
                ":MOST behind for so many restarts in a row",
                whole);
  }
  policy.max_attempts = static_cast<std::int64_t>(most.value_or(0));
  return policy;
}

Result<std::map<std::string, std::string>> read_pairs(std::string_view option,
                                                      const std::vector<std::string>& texts) {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(Code::invalid, "{}: \"{}\" is not NAME=VALUE", option, text);
    }
    pairs[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return pairs;
}

}  // namespace drover::cli
