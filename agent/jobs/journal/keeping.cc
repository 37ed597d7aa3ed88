#include "agent/jobs/journal/keeping.h"

#include <array>
#include <utility>

namespace drover::jobs {
namespace {

constexpr std::array<std::string_view, 4> kHealths = {"", "starting", "healthy", "unhealthy"};

constexpr std::array<std::pair<std::string_view, std::int64_t Keeping::*>, 6> kKeepingNumbers = {
    {{"restarts", &Keeping::restarts},
     {"in_row", &Keeping::in_row},
     {"started_at", &Keeping::started_at},
     {"well_since", &Keeping::well_since},
     {"ends_by", &Keeping::ends_by},
     {"next_at", &Keeping::next_at}}};
constexpr std::array<std::pair<std::string_view, std::string Keeping::*>, 2> kKeepingTexts = {
    {{"job", &Keeping::job}, {"held", &Keeping::held}}};
constexpr std::array<std::pair<std::string_view, bool Keeping::*>, 3> kKeepingFlags = {
    {{"gave_up", &Keeping::gave_up},
     {"with_node", &Keeping::with_node},
     {"claim_lost", &Keeping::claim_lost}}};

Health health_from(std::string_view name) {
  for (std::size_t i = 0; i < kHealths.size(); ++i) {
    if (kHealths.at(i) == name) {
      return static_cast<Health>(i);
    }
  }
  return Health::none;
}

}  // namespace

std::string_view to_string(Health health) {
  return kHealths.at(static_cast<std::size_t>(health));
}

void Keeping::begin(std::int64_t at, bool by_policy, bool probed) {
  const std::int64_t ever = restarts;
  const std::int64_t row = by_policy ? in_row : 0;
  *this = Keeping{};
  restarts = ever;
  in_row = row;
  started_at = at;
  well_since = probed ? 0 : at;
  health = probed ? Health::starting : Health::none;
}

void Keeping::end(std::int64_t at) {
  recover(at);
  started_at = 0;
  well_since = 0;
  if (health != Health::unhealthy) {
    health = Health::none;
  }
}

void Keeping::recover(std::int64_t now) {
  if (well_since != 0 && now - well_since >= std::chrono::milliseconds(kWell).count()) {
    in_row = 0;
  }
}

Result<Keeping> keeping_of(const ContainerRow& row) {
  const Result<json::Value> parsed = json::parse(row.restarts);
  if (!parsed) {
    return fail(Code::broken, "the journal's restarts of container {}: {}", row.name,
                parsed.error().message);
  }
  const json::Value& value = *parsed;
  Keeping keeping;
  for (const auto& [key, member] : kKeepingNumbers) {
    keeping.*member = value.at(key).integer_or(0);
  }
  for (const auto& [key, member] : kKeepingTexts) {
    keeping.*member = std::string(value.at(key).string_or(""));
  }
  for (const auto& [key, member] : kKeepingFlags) {
    keeping.*member = value.at(key).boolean_or(false);
  }
  keeping.health = health_from(value.at("health").string_or(""));
  return keeping;
}

void set_keeping(ContainerRow& row, const Keeping& keeping) {
  json::Object object;
  for (const auto& [key, member] : kKeepingNumbers) {
    if (keeping.*member != 0) {
      object.set(key, keeping.*member);
    }
  }
  for (const auto& [key, member] : kKeepingTexts) {
    if (!(keeping.*member).empty()) {
      object.set(key, keeping.*member);
    }
  }
  for (const auto& [key, member] : kKeepingFlags) {
    if (keeping.*member) {
      object.set(key, true);
    }
  }
  if (keeping.health != Health::none) {
    object.set("health", to_string(keeping.health));
  }
  row.restarts = object.empty() ? "null" : json::write(std::move(object));
}

ProgramEnd end_of(const ContainerRow& row, const Keeping& keeping) {
  return {row.exit, keeping.health == Health::unhealthy || keeping.claim_lost, keeping.with_node};
}

Result<> expect_end(Journal& journal, const std::string& name, std::int64_t ends_by) {
  std::optional<ContainerRow> row = TRY(journal.container(name));
  if (!row) {
    return {};
  }
  Keeping keeping = TRY(keeping_of(*row));
  keeping.ends_by = ends_by;
  set_keeping(*row, keeping);
  return journal.put_container(*row);
}

Result<> take_for_wish(ContainerRow& row, std::int64_t ended_at) {
  Keeping keeping = TRY(keeping_of(row));
  if (keeping.ends_by == 0) {
    return {};
  }
  if (ended_at <= keeping.ends_by && !keeping.with_node && row.wanted == Wanted::running) {
    row.wanted = Wanted::stopped;
  }
  keeping.ends_by = 0;
  set_keeping(row, keeping);
  return {};
}

Result<> mark_ended_with_node(Journal& journal, const std::string& name) {
  std::optional<ContainerRow> row = TRY(journal.container(name));
  if (!row) {
    return {};
  }
  Keeping keeping = TRY(keeping_of(*row));
  keeping.with_node = true;
  set_keeping(*row, keeping);
  return journal.put_container(*row);
}

}  // namespace drover::jobs
