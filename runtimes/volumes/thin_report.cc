#include "runtimes/volumes/thin_report.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/core/json.h"
#include "runtimes/volumes/local_volume_name.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kTag = "drover.volume=";

/// A write that finds no room stands for a minute and then fails (lvmthin(7)), and a pool without
/// room for metadata has to be mended by hand: what is left is for the volumes that are there.
constexpr double kFullPercent = 99;

/// All of the text as a number; 0 for "", which a pool that is not active has.
template <class Number>
Result<Number> number_in(const json::Value& row, std::string_view member) {
  const std::string_view text = row.at(member).string_or("");
  Number number{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || (fault == std::errc() && end == text.data() + text.size())) {
    return number;
  }
  return fail(Code::broken, "what lvs tells: {} has {} \"{}\"", row.at("lv_name").string_or(""),
              member, text);
}

/// 0 to 100.
Result<double> percent_in(const json::Value& row, std::string_view member) {
  const double percent = TRY(number_in<double>(row, member));
  // Not by std::clamp, which lets through what is no number.
  return percent > 0 ? std::min(percent, 100.0) : 0.0;
}

/// What the tags, "one,two", say of a volume of this name; "" where it is not ours.
std::string_view whole_in(std::string_view tags, std::string_view name) {
  while (!tags.empty()) {
    const std::string_view tag = tags.substr(0, tags.find(','));
    tags.remove_prefix(std::min(tag.size() + 1, tags.size()));
    if (tag.starts_with(kTag)) {
      const std::string_view whole = tag.substr(kTag.size());
      if (LocalVolumeName::parse(whole) && thin_name(whole) == name) {
        return whole;
      }
    }
  }
  return "";
}

Result<> add_row(const json::Value& row, std::string_view pool, ThinReport& report) {
  const std::string_view name = row.at("lv_name").string_or("");
  if (name == pool && row.at("lv_attr").string_or("").starts_with('t')) {
    ThinPoolRow found;
    found.size = TRY(number_in<std::uint64_t>(row, "lv_size"));
    found.data_percent = TRY(percent_in(row, "data_percent"));
    found.metadata_percent = TRY(percent_in(row, "metadata_percent"));
    report.pool = found;
    return {};
  }
  const std::string_view whole = whole_in(row.at("lv_tags").string_or(""), name);
  if (whole.empty()) {
    return {};
  }
  const std::uint64_t size = TRY(number_in<std::uint64_t>(row, "lv_size"));
  report.volumes.push_back({std::string(name),
                            system::Path(std::string(row.at("lv_path").string_or(""))), size >> 20U,
                            std::string(whole)});
  return {};
}

}  // namespace

bool ThinPoolRow::is_full() const {
  return std::max(data_percent, metadata_percent) >= kFullPercent;
}

std::uint64_t ThinPoolRow::free_bytes() const {
  // lvs tells two places behind the point.
  constexpr std::uint64_t kAll = 10'000;
  return size / kAll * static_cast<std::uint64_t>((100 - data_percent) * 100);
}

const ThinRow* ThinReport::find(std::string_view whole) const {
  const auto found = std::find_if(volumes.begin(), volumes.end(),
                                  [whole](const ThinRow& row) { return row.whole == whole; });
  return found == volumes.end() ? nullptr : &*found;
}

std::string thin_name(std::string_view whole) {
  constexpr std::size_t kHashBytes = 16;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_Digest(whole.data(), whole.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  std::string name = "drover-";
  for (std::size_t i = 0; i < kHashBytes; ++i) {
    name += fmt::format("{:02x}", bytes.at(i));
  }
  return name;
}

std::string thin_tag(std::string_view whole) {
  return std::string(kTag) + std::string(whole);
}

std::vector<std::string> listing_group(const std::string& group) {
  return {"lvs",       "--reportformat",
          "json",      "--units",
          "b",         "--nosuffix",
          "--options", "lv_name,lv_path,lv_size,lv_attr,lv_tags,data_percent,metadata_percent",
          group};
}

Result<ThinReport> parse_thin_report(std::string_view text, std::string_view pool) {
  const Result<json::Value> told = json::parse(text);
  const json::Array* const parts = told ? told->at("report").array() : nullptr;
  if (parts == nullptr) {
    return fail(Code::broken, "what lvs tells is no report of it: {}",
                told ? "it has no member report" : told.error().message);
  }
  ThinReport report;
  for (const json::Value& part : *parts) {
    const json::Array* const rows = part.at("lv").array();
    if (rows == nullptr) {
      continue;
    }
    for (const json::Value& row : *rows) {
      TRY(add_row(row, pool, report));
    }
  }
  return report;
}

}  // namespace drover::runtimes
