#include "node_fixture.h"

#include "agent/jobs/node_turns.h"

namespace drover::jobs {

void NodeFixture::SetUp() {
  layout_.state = folder_.path() / "state";
  layout_.run = folder_.path() / "run";
  runtime_.set_layout(layout_);
  std::filesystem::create_directories(layout_.containers());
  root_ = folder_.path() / "root";
  std::filesystem::create_directories(root_);
  node_ = std::make_unique<Node>(
      Node{"pve1",
           config_,
           layout_,
           {{RuntimeKind::runc, &runtime_}},
           *(volumes_ = std::make_unique<runtimes::LocalVolumes>(layout_)),
           *(volume_images_ = std::make_unique<runtimes::LocalImages>(layout_)),
           nullptr,
           nullptr,
           nullptr,
           *(networks_ = std::make_unique<runtimes::Networks>(
                 layout_, runtimes::NetworkOptions{{"/usr/lib/cni"}, {}})),
           *(images_ = std::make_unique<runtimes::ImageStore>(layout_))});
  start_agent();
}

void NodeFixture::TearDown() {
  end_agent();
  // What a test leaves in the program's own /run/netns would be there for the next one.
  for (const auto& name : std::filesystem::directory_iterator("/run/netns")) {
    umount2(name.path().c_str(), MNT_DETACH);
    std::filesystem::remove(name.path());
  }
}

void NodeFixture::start_agent(std::size_t most_waiting) {
  journal_ = Journal::open(layout_.journal(), clock_).value();
  books_ = std::make_unique<Books>(*journal_, [this](const std::vector<Event>& events) {
    published_.insert(published_.end(), events.begin(), events.end());
    if (react_) {
      for (const Event& event : events) {
        react_(event);
      }
    }
  });
  loop_ = std::make_unique<system::Loop>(clock_);
  loop_->watch(books_->fd(), EPOLLIN, [this](std::uint32_t) { books_->serve(); });
  loop_->at_turn_end([this] { books_->commit(); });
  supervisor_ = std::make_unique<Supervisor>(*loop_, *books_, clock_, workers_, deeds());
  disk_ = std::make_unique<DiskWatch>(*loop_, *books_, clock_,
                                      DiskWatch::Options{node_->name, layout_.state, reserve_});
  EXPECT_TRUE(disk_->start());
  intake_ = std::make_unique<Intake>(*books_, *supervisor_, *node_, clock_, *disk_,
                                     Intake::Queue{most_waiting, most_bytes_});
}

Supervisor::Deeds NodeFixture::deeds() {
  Supervisor::Deeds deeds{
      [this](Work& work) { return do_job(work, *node_); },
      [this](Work& work, const Error& error) { return undo_job(work, *node_, error); }};
  deeds.has_alone = sole_use_of;
  return deeds;
}

void NodeFixture::end_agent() {
  books_->close();
  intake_.reset();
  disk_.reset();
  supervisor_.reset();
  books_.reset();
  loop_.reset();
  journal_.reset();
}

void NodeFixture::restart_agent() {
  end_agent();
  start_agent();
  EXPECT_TRUE(intake_->resume());
}

void NodeFixture::submit_held(const json::Object& request, const std::string& verb,
                              fakes::FakeRuntime::Hold where) {
  runtime_.hold_next(verb, where);
  submit_until_held(request);
}

void NodeFixture::submit_paused(const json::Object& request, const std::string& verb,
                                fakes::FakeRuntime::Hold where) {
  runtime_.pause_next(verb, where);
  submit_until_held(request);
}

void NodeFixture::submit_until_held(const json::Object& request) {
  const int held = runtime_.held();
  submit(request);
  while (runtime_.held() == held) {
    loop_->turn(std::chrono::milliseconds(10));
  }
}

json::Object NodeFixture::run_job(const std::string& id, const std::string& name) {
  return {{"id", id},
          {"verb", "container.run"},
          {"target", name},
          {"spec", json::Object{{"runtime", "runc"}, {"rootfs", root_.native()}}}};
}

json::Object NodeFixture::with_volume(json::Object request) {
  request.find("spec")->object()->set(
      "volumes", json::Array{json::Object{{"name", "data"}, {"target", "/data"}}});
  return request;
}

json::Object NodeFixture::job(const std::string& id, const std::string& verb,
                              const std::string& target, json::Object options) {
  json::Object request{{"id", id}, {"verb", verb}, {"target", target}};
  if (!options.empty()) {
    request.set("options", std::move(options));
  }
  return request;
}

NodeFixture::Answer NodeFixture::submit_text(const std::string& body) {
  Answer answer;
  intake_->submit(body, [&](std::string_view kind, const std::string& text) {
    answer = {std::string(kind), json::parse(text).value()};
  });
  books_->commit();
  return answer;
}

JobRow NodeFixture::await(const std::string& id) {
  for (;;) {
    const auto row = journal_->job(id).value();
    if (row && is_final(row->state) && !journal_->dirty()) {
      return *row;
    }
    loop_->turn(std::chrono::seconds(60));
  }
}

JobRow NodeFixture::run(const json::Object& request) {
  const Answer answer = submit(request);
  EXPECT_EQ(answer.kind, "job.accepted") << json::write(answer.body);
  return await(std::string(request.find("id")->string_or("")));
}

std::vector<std::string> NodeFixture::told(const std::string& kind,
                                           const std::string& object) const {
  std::vector<std::string> what;
  for (const Event& event : published_) {
    if (event.kind == kind && event.object == object) {
      what.push_back(event.what);
    }
  }
  return what;
}

bool NodeFixture::leaves_nothing(const std::string& name) {
  return !runtime_.has(name) && !std::filesystem::exists(layout_.containers() / name) &&
         !std::filesystem::exists("/run/netns/drover-" + name) &&
         (!std::filesystem::exists(layout_.local_volumes()) ||
          std::filesystem::is_empty(layout_.local_volumes())) &&
         !journal_->container(name).value();
}

}  // namespace drover::jobs
