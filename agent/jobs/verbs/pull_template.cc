// image.pull of a template of Proxmox.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "agent/jobs/allowed_folders.h"
#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/file.h"
#include "proxmox/file_digest.h"
#include "proxmox/template_source.h"

namespace drover::jobs {
namespace {

using proxmox::Templates;
using proxmox::TemplateSource;
using proxmox::TemplateVolume;

/// Each may take minutes of its worker's time.
constexpr std::size_t kAtOneStorage = 4;
constexpr std::string_view kSha256 = "sha256:";

/// A regular file of the node, which no link leads to from outside the folders that jobs may name.
Result<system::UniqueFd> open_source(const Node& node, const path& file, std::uint64_t& size) {
  // Opening a pipe would wait for its other end.
  system::UniqueFd fd =
      TRY(open_allowed(node.config, file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat facts {};
  if (fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return fail(Code::invalid, "{} is no file with content", file.native());
  }
  size = static_cast<std::uint64_t>(facts.st_size);
  return fd;
}

/// One pull, from its look to its name in the journal.
class Fetch {
 public:
  Fetch(Work& work, const Node& node, Templates& templates, TemplateVolume volume,
        TemplateSource source)
      : work_(work),
        node_(node),
        templates_(templates),
        volume_(std::move(volume)),
        source_(std::move(source)) {}

  Result<json::Value> run() {
    work_.plan(2);
    const json::Value looked = TRY(look());
    if (looked.at("there").boolean_or(false)) {
      return leave_as_it_is();
    }
    since_ = looked.at("since").integer_or(0);
    const json::Value fetched = TRY(fetch());
    if (!fetched.at("made").boolean_or(false)) {
      return leave_as_it_is();
    }
    TRY(name(fetched));
    return result(fetched, false);
  }

 private:
  Result<json::Value> look() {
    return work_.once({.name = "image.look", .act = [&]() -> Result<json::Value> {
                         TRY(templates_.check_storage(volume_.storage, work_.stop()));
                         const auto info = TRY(templates_.find(volume_, work_.stop()));
                         return json::Value(json::Object{{"there", info.has_value()},
                                                         {"since", Templates::now_s()}});
                       }});
  }

  Result<json::Value> fetch() {
    Step step{.name = "image.fetch"};
    step.act = [&]() -> Result<json::Value> {
      std::string digest = source_.sha256;
      const Result<> done = fetch_from(digest);
      // Somebody else has made it meanwhile.
      if (!done && done.error().code == Code::conflict) {
        return json::Value(json::Object{{"made", false}});
      }
      return done ? made(digest)
                  : Failure(Error(done.error()).context("pull image " + volume_.id()));
    };
    step.find = [&]() -> Result<std::optional<json::Value>> {
      const Templates::Made found =
          TRY(templates_.look_up(volume_, since_, Templates::Running::awaited, work_.stop()));
      if (found == Templates::Made::a_part) {
        TRY(templates_.remove(volume_, work_.stop()));
      }
      return found == Templates::Made::all ? std::optional(TRY(made(source_.sha256)))
                                           : std::nullopt;
    };
    step.needs = Scarce{"templates of storage " + volume_.storage, kAtOneStorage};
    return work_.once(step);
  }

  /// Of a file, `digest` becomes its checksum.
  Result<> fetch_from(std::string& digest) {
    switch (source_.kind) {
      case TemplateSource::Kind::url:
        return templates_.download(volume_, source_.place, source_.sha256, work_.stop());
      case TemplateSource::Kind::registry:
        return templates_.pull(volume_, source_.place, work_.stop());
      case TemplateSource::Kind::file:
        break;
    }
    std::uint64_t size = 0;
    const system::UniqueFd file = TRY(open_source(node_, source_.place, size));
    digest = TRY(proxmox::sha256_of(file.get(), work_.stop()).context(source_.place));
    if (!source_.sha256.empty() && digest != source_.sha256) {
      return fail(Code::invalid, "{} has the checksum {}{}, and not {}{}", source_.place, kSha256,
                  digest, kSha256, source_.sha256);
    }
    return templates_.upload(volume_, file.get(), size, digest, work_.stop());
  }

  /// What is on the storage now; its checksum is `sha256` where that is known.
  Result<json::Value> made(std::string sha256) {
    const auto info = TRY(templates_.find(volume_, work_.stop()));
    if (!info) {
      return fail(Code::broken, "pull image {}: it is not there, though Proxmox says that it is",
                  volume_.id());
    }
    if (sha256.empty()) {
      sha256 = TRY(
          proxmox::sha256_of_path(info->path, work_.stop()).context("pull image " + volume_.id()));
    }
    return json::Value(json::Object{
        {"made", true}, {"digest", std::string(kSha256) + sha256}, {"bytes", info->size_bytes}});
  }

  /// One that is there and not of this job: it is left as it is.
  Result<json::Value> leave_as_it_is() {
    const json::Value found = TRY(made(""));
    if (!source_.sha256.empty() &&
        found.at("digest").string_or("") != std::string(kSha256) + source_.sha256) {
      return fail(Code::conflict,
                  "pull image {}: there is one of that name with the checksum {}; none is written "
                  "over: remove that one, or choose another name",
                  volume_.id(), found.at("digest").string_or(""));
    }
    return result(found, true);
  }

  Result<> name(const json::Value& fetched) {
    const std::string job = work_.request().id.str();
    const ImageRow row{volume_.id(), std::string(fetched.at("digest").string_or("")),
                       static_cast<std::uint64_t>(fetched.at("bytes").integer_or(0)),
                       work_.clock().unix_ms(), job};
    return work_.write([&](Books& books) -> Result<> {
      const std::optional<ImageRow> known = TRY(books.journal().image(row.name));
      if (known && known->job == job) {
        return {};
      }
      return write_pulled(books, row);
    });
  }

  json::Value result(const json::Value& found, bool there) const {
    return json::Object{
        {"digest", found.at("digest")}, {"bytes", found.at("bytes")}, {"there", there}};
  }

  Work& work_;
  const Node& node_;
  Templates& templates_;
  const TemplateVolume volume_;
  const TemplateSource source_;
  std::int64_t since_ = 0;  // seconds since 1970 of the look
};

/// Whether the step, however far it came, has made the template or a part of it.
Result<bool> has_made(Work& work, Templates& templates, const TemplateVolume& volume,
                      const std::vector<StepRow>& steps, const StepRow& step) {
  const json::Value fetched = TRY(json::parse(step.data));
  if (!fetched.is_null()) {
    return fetched.at("made").boolean_or(false);
  }
  const auto looked = std::find_if(steps.begin(), steps.end(),
                                   [](const StepRow& row) { return row.name == "image.look"; });
  if (looked == steps.end()) {
    return false;
  }
  const json::Value look = TRY(json::parse(looked->data));
  return TRY(templates.look_up(volume, look.at("since").integer_or(0), Templates::Running::ended,
                               work.agent_stop())) != Templates::Made::nothing;
}

}  // namespace

Result<json::Value> pull_template(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  TemplateVolume volume = TRY(TemplateVolume::parse(request.target));
  TemplateSource source =
      TRY(TemplateSource::read(volume, request.options.from, request.options.checksum));
  Templates* templates = TRY(node.all_templates());
  const Turns::Turn turn = TRY(work.take_turn(turn_of_template(volume), work.stop()));
  return Fetch(work, node, *templates, std::move(volume), std::move(source)).run();
}

Result<> undo_pull_template(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  const TemplateVolume volume = TRY(TemplateVolume::parse(request.target));
  const std::vector<StepRow> steps = TRY(work.steps(request.id.str()));
  for (const StepRow& step : steps) {
    if (step.name != "image.fetch" || step.state == StepState::undone) {
      continue;
    }
    Templates* templates = TRY(node.all_templates());
    const Turns::Turn turn = TRY(work.take_turn(turn_of_template(volume), work.agent_stop()));
    if (TRY(has_made(work, *templates, volume, steps, step))) {
      TRY(templates->remove(volume, work.agent_stop()));
    }
    TRY(work.write([&](Books& books) -> Result<> {
      const std::optional<ImageRow> row = TRY(books.journal().image(request.target));
      const bool ours = row && row->job == request.id.str();
      return ours ? write_removed(books, *row, request.id.str()) : Result<>();
    }));
    TRY(work.step_undone(step));
  }
  return {};
}

}  // namespace drover::jobs
