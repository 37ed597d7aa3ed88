#include "conformance.h"

#include <poll.h>

#include <map>
#include <optional>

namespace drover::runtimes {
namespace {

struct Shared {
  std::unique_ptr<Subject> subject{};
  std::optional<Container> resting{};
};

std::map<RuntimeKind, Shared>& all_shared() {
  static std::map<RuntimeKind, Shared> all;
  return all;
}

class EndOfSubjects : public testing::Environment {
 public:
  void TearDown() override {
    for (const auto& [kind, shared] : all_shared()) {
      if (shared.resting) {
        EXPECT_TRUE(shared.subject->runtime().remove(*shared.resting, true, Stop()));
        EXPECT_THAT(shared.subject->left_of(*shared.resting), testing::IsEmpty());
        shared.subject->clear(*shared.resting);
      }
    }
    all_shared().clear();
  }
};
const auto* const kEndOfSubjects = testing::AddGlobalTestEnvironment(new EndOfSubjects);

std::unique_ptr<Subject> make_subject(RuntimeKind kind) {
  switch (kind) {
    case RuntimeKind::runc:
    case RuntimeKind::crun:
      return make_oci_subject(kind);
    case RuntimeKind::lxc:
      return make_lxc_subject();
    case RuntimeKind::pve_lxc:
      return make_guest_subject();
  }
  return nullptr;
}

}  // namespace

void Conformance::SetUp() {
  std::unique_ptr<Subject>& subject = all_shared()[kind()].subject;
  if (subject == nullptr) {
    subject = make_subject(kind());
  }
  subject_ = subject.get();
  runtime_ = &subject_->runtime();
}

void Conformance::TearDown() {
  for (const Container& container : made_) {
    const auto removed = runtime_->remove(container, true, never_);
    EXPECT_TRUE(removed) << to_text(removed.error());
    EXPECT_THAT(subject_->left_of(container), testing::IsEmpty());
    subject_->clear(container);
  }
  const auto left = runtime_->inventory(never_);
  ASSERT_TRUE(left) << to_text(left.error());
  for (const Found& found : *left) {
    const std::optional<Container>& resting = all_shared()[kind()].resting;
    EXPECT_TRUE(resting && found.name == resting->name.str()) << found.name;
  }
}

Container Conformance::container(const std::vector<std::string>& command) {
  made_.push_back(subject_->container(command));
  return made_.back();
}

const Container& Conformance::resting() {
  std::optional<Container>& shared = all_shared()[kind()].resting;
  if (!shared) {
    shared = subject_->container({"sleep", "1000"});
    shared->spec.env = {{"A", "container"}, {"B", "container"}};
    run(*shared);
  }
  return *shared;
}

void Conformance::create(const Container& container) {
  const auto created = runtime_->create(container, never_);
  ASSERT_TRUE(created) << to_text(created.error());
}

void Conformance::start(const Container& container) {
  const auto started = runtime_->start(container, never_);
  ASSERT_TRUE(started) << to_text(started.error());
}

void Conformance::run(const Container& container) {
  create(container);
  start(container);
}

void Conformance::run_again(const Container& container) {
  if (!runtime_->capabilities().restartable) {
    ASSERT_TRUE(runtime_->remove(container, false, never_));
    create(container);
  }
  start(container);
}

State Conformance::state(const Container& container) {
  const auto now = runtime_->state(container, never_);
  EXPECT_TRUE(now) << to_text(now.error());
  return now.value_or(State());
}

bool Conformance::comes_about(const std::function<bool()>& done) {
  constexpr int kLookEveryMs = 5;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    poll(nullptr, 0, kLookEveryMs);
  }
  return true;
}

Exit Conformance::await_end(const Container& container) {
  State now;
  EXPECT_TRUE(comes_about([&] { return (now = state(container)).status == Status::stopped; }))
      << "it is " << to_string(now.status) << " and has printed " << printed(container);
  EXPECT_TRUE(now.exit);
  return now.exit.value_or(Exit());
}

void Conformance::await_printed(const Container& container, const std::string& text) {
  ASSERT_TRUE(comes_about([&] { return printed(container).find(text) != std::string::npos; }))
      << printed(container);
}

Conformance::Executed Conformance::execute(const Container& container, const ExecRequest& request) {
  Executed executed;
  executed.code = runtime_->exec(
      container, request, [&](std::string_view chunk) { executed.out += chunk; },
      [&](std::string_view chunk) { executed.err += chunk; }, never_);
  return executed;
}

std::string Conformance::in_group(const Container& container, const std::string& controller,
                                  const std::string& file) {
  const Path proc = fmt::format("/proc/{}/cgroup", state(container).pid);
  const std::string groups = system::read_file(proc).value_or("");
  const std::string own = ":" + controller + ":";
  const bool v1 = groups.find(own) != std::string::npos;
  const std::string before = v1 ? own : "0::";
  const std::size_t at = groups.find(before);
  if (at == std::string::npos) {
    return "";
  }
  const std::size_t begin = at + before.size();
  const std::string group = groups.substr(begin, groups.find('\n', begin) - begin);
  return system::read_file(Path("/sys/fs/cgroup") / (v1 ? controller : "") / group.substr(1) / file)
      .value_or("");
}

}  // namespace drover::runtimes
