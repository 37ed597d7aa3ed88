// Every verb in every state.
#include <array>
#include <csignal>
#include <optional>

#include "conformance.h"

namespace drover::runtimes {
namespace {

/// "ok": it succeeds and the state stays. The name of a state: it succeeds, and that is the state
/// then. The name of an error: it fails so, and the state stays.
struct Row {
  std::string_view verb;
  std::array<std::string_view, 5> outcomes;
};

constexpr std::array<std::string_view, 5> kStates{"absent", "created", "running", "paused",
                                                  "stopped"};
// clang-format off
constexpr std::array<Row, 11> kTable{{
    //                 absent       created     running     paused      stopped
    {"state",        {"not_found", "ok",       "ok",       "ok",       "ok"}},
    {"update",       {"not_found", "ok",       "ok",       "ok",       "ok"}},
    {"kill",         {"not_found", "conflict", "ok",       "ok",       "conflict"}},
    {"exec",         {"not_found", "conflict", "ok",       "conflict", "conflict"}},
    {"delete",       {"ok",        "absent",   "conflict", "conflict", "absent"}},
    {"delete force", {"ok",        "absent",   "absent",   "absent",   "absent"}},
    {"create",       {"created",   "conflict", "conflict", "conflict", "conflict"}},
    {"resume",       {"not_found", "conflict", "conflict", "running",  "conflict"}},
    {"pause",        {"not_found", "conflict", "paused",   "conflict", "conflict"}},
    {"stop",         {"not_found", "conflict", "stopped",  "stopped",  "ok"}},
    {"start",        {"not_found", "running",  "conflict", "conflict", "running"}},
}};
// clang-format on

constexpr bool is_state(std::string_view outcome) {
  return std::find(kStates.begin(), kStates.end(), outcome) != kStates.end();
}

/// Where a runtime cannot be like the others.
struct Difference {
  RuntimeKind kind;
  std::string_view verb;
  std::string_view state;  ///< "" for all in which it is there
  std::string_view outcome;
  std::string_view why;
};
constexpr std::string_view kOnce = "a container of OCI starts once; Drover makes it anew";
constexpr std::string_view kAgain =
    "the answer of the API may be lost, so a job may ask once more for what it has made";
constexpr std::array<Difference, 3> kDifferences{{
    {RuntimeKind::runc, "start", "stopped", "conflict", kOnce},
    {RuntimeKind::crun, "start", "stopped", "conflict", kOnce},
    {RuntimeKind::pve_lxc, "create", "", "ok", kAgain},
}};

struct Expected {
  std::string_view outcome;
  std::string_view why{};  ///< of one that differs
};

Expected expected(RuntimeKind kind, const Row& row, std::size_t state) {
  for (const Difference& difference : kDifferences) {
    if (difference.kind == kind && difference.verb == row.verb &&
        (difference.state.empty() ? state > 0 : difference.state == kStates.at(state))) {
      return {difference.outcome, difference.why};
    }
  }
  return {row.outcomes.at(state)};
}

class ConformanceVerbs : public Conformance {
 protected:
  Result<> perform(std::string_view verb) {
    const auto ended = [](const auto& result) -> Result<> {
      return result ? Result<>() : Failure(result.error());
    };
    if (verb == "state") {
      return ended(runtime_->state(*it_, never_));
    }
    if (verb == "update") {
      return runtime_->update(*it_, {64, 0, 0}, never_);
    }
    if (verb == "kill") {
      return runtime_->kill(*it_, SIGCONT, never_);
    }
    if (verb == "exec") {
      return ended(runtime_->exec(
          *it_, {{"true"}, {}, "", ""}, [](std::string_view) {}, [](std::string_view) {}, never_));
    }
    if (verb == "pause") {
      return runtime_->pause(*it_, never_);
    }
    if (verb == "resume") {
      return runtime_->resume(*it_, never_);
    }
    if (verb == "stop") {
      return ended(runtime_->stop(*it_, SIGKILL, std::chrono::seconds(10), never_));
    }
    if (verb == "delete" || verb == "delete force") {
      return runtime_->remove(*it_, verb != "delete", never_);
    }
    return verb == "create" ? runtime_->create(*it_, never_) : runtime_->start(*it_, never_);
  }
  std::string_view look() {
    const auto now = runtime_->state(*it_, never_);
    if (!now) {
      EXPECT_EQ(now.error().code, Code::not_found) << to_text(now.error());
      return "absent";
    }
    return to_string(now->status);
  }
  void must(std::string_view verb) {
    const Result<> done = perform(verb);
    ASSERT_TRUE(done) << verb << ": " << to_text(done.error());
  }
  void bring_to(std::string_view wanted) {
    if (state_ == wanted) {
      return;
    }
    if (state_ == "paused" && wanted == "running") {
      must("resume");
    } else if (wanted == "absent" || wanted == "created" ||
               (state_ == "stopped" && !runtime_->capabilities().restartable)) {
      must("delete force");
      state_ = "absent";
    }
    if (state_ == "absent" && wanted != "absent") {
      must("create");
    }
    if (wanted == "running" || wanted == "paused" || wanted == "stopped") {
      if (state_ != "running" && state_ != "paused") {
        must("start");
      }
      if (wanted == "paused") {
        must("pause");
      } else if (wanted == "stopped") {
        must("stop");
      }
    }
    ASSERT_EQ(state_ = look(), wanted);
  }

  void expect_outcome(std::string_view verb, std::string_view wanted) {
    const Result<> done = perform(verb);
    const std::string_view before = state_;
    state_ = look();
    const std::string_view changed = state_ == before ? "ok" : state_;
    EXPECT_EQ(done ? changed : to_string(done.error().code), wanted)
        << (done ? std::string() : to_text(done.error()));
    if (!done) {
      EXPECT_EQ(state_, before) << to_text(done.error());
    }
    if (state_ == "absent") {
      EXPECT_THAT(subject_->left_of(*it_), testing::IsEmpty());
    }
  }

  std::optional<Container> it_;
  std::string_view state_ = "absent";
};

ON_EVERY_RUNTIME(ConformanceVerbs);

TEST_P(ConformanceVerbs, EveryVerbInEveryState) {
  it_ = container({"sleep", "1000"});
  for (std::size_t state = 0; state < kStates.size(); ++state) {
    // Those that change the state last: making it anew is what takes time.
    for (const bool changes : {false, true}) {
      for (const Row& row : kTable) {
        const Expected wanted = expected(kind(), row, state);
        if (is_state(wanted.outcome) == changes) {
          SCOPED_TRACE(
              fmt::format("{} of one that is {}; {}", row.verb, kStates.at(state), wanted.why));
          bring_to(kStates.at(state));
          if (HasFatalFailure()) {
            return;
          }
          expect_outcome(row.verb, wanted.outcome);
        }
      }
    }
  }
}

}  // namespace
}  // namespace drover::runtimes
