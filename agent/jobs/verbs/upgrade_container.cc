// container.upgrade: another image below a container's root, which keeps its name, volumes and
// network; and back.
#include <algorithm>
#include <utility>

#include "agent/jobs/admit_policy.h"
#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/change_root.h"
#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/stop_program.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/jobs/verbs/watch_program.h"

namespace drover::jobs {
namespace {

constexpr const char* kLook = "upgrade.look";
constexpr const char* kRemove = "upgrade.remove";
constexpr const char* kChange = "upgrade.change";
constexpr const char* kWatch = "upgrade.watch";
constexpr const char* kKeep = "upgrade.keep";
constexpr const char* kBack = "upgrade.back";
constexpr const char* kForget = "upgrade.forget";

/// Steps of one that runs beside those of its program's start, which is made anew.
constexpr std::int64_t kOthers = 6;
constexpr std::int64_t kOfStart = 4;

/// Decided once: later runs of the job find the container in another state.
struct Upgrade {
  Root from;
  Root to;
  std::string before;    ///< "running", "created" or "stopped"
  bool changed = false;  ///< false: it has this image already

  bool ran() const { return before == "running"; }
  bool was_created() const { return before == "created"; }
};

json::Value to_json(const Upgrade& upgrade) {
  return json::Object{{"from", to_json(upgrade.from)},
                      {"to", to_json(upgrade.to)},
                      {"before", upgrade.before},
                      {"changed", upgrade.changed}};
}

Upgrade upgrade_from_json(const json::Value& value) {
  return {root_from_json(value.at("from")).value_or(Root{}),
          root_from_json(value.at("to")).value_or(Root{}),
          std::string(value.at("before").string_or("stopped")),
          value.at("changed").boolean_or(false)};
}

Result<> check_has_image(const Target& target) {
  if (target.row.wanted == Wanted::gone) {
    return fail(Code::conflict, "container {} is {}, and is to be deleted", target.row.name,
                to_string(target.row.status));
  }
  const ContainerSpec& spec = target.container().spec;
  return spec.rootfs.empty() ? Result<>()
                             : fail(Code::refused,
                                    "container {}: its root is the folder {} of the node, and no "
                                    "image that another could be put in place of",
                                    target.row.name, spec.rootfs);
}

/// How it is before. One that its policy is about to start runs, too.
Result<std::string> state_before(Work& work, const Target& target) {
  const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
  if (!now && now.error().code != Code::not_found) {
    return Failure(now.error());
  }
  const bool is_up = now && now->status != Status::stopped && now->status != Status::created;
  if (is_up || target.row.status == Status::backoff) {
    return std::string("running");
  }
  return std::string(target.row.status == Status::created ? "created" : "stopped");
}

/// The image, looked after where it comes from, and written down as the container's before anybody
/// can remove it.
Result<Root> fetch(Work& work, const Node& node, const Target& target) {
  const std::string& reference = work.request().options.image;
  ContainerSpec spec = target.container().spec;
  spec.image = reference;
  // The job may have been accepted when the node allowed more.
  TRY(admit_as_it_is_now(node.config, spec, target.record.container.runtime));
  const runtimes::Image image = TRY(ensure_image(work, node, reference, Freshness::as_it_is_there));
  Root root{reference, image.rootfs, image.config, work.request().id.str()};
  TRY(name_image(work, image, [&](Journal& journal) {
    return change_record(journal, target.row.name, [&](ContainerRecord& record) {
      if (record.lower == root.lower) {
        record.container.spec.image = reference;  // another name of what it has
      } else {
        record.aside = root;
      }
    });
  }));
  return root;
}

Result<Root> former_root(const Target& target) {
  const std::optional<Root>& former = target.record.former;
  std::error_code error;
  if (!former) {
    return fail(Code::conflict,
                "container {} has no former image to go back to: it has had no other, or was told "
                "to forget it",
                target.row.name);
  }
  return std::filesystem::is_directory(former->lower, error)
             ? Result<Root>(*former)
             : fail(Code::not_found, "container {}: its former image {} is not here any more",
                    target.row.name, former->image);
}

Result<Upgrade> look(Work& work, const Node& node, const Target& target) {
  const JobOptions& wish = work.request().options;
  Step step{.name = kLook};
  step.act = [&]() -> Result<json::Value> {
    TRY(check_has_image(target));
    Upgrade upgrade{
        .from = root_of(target.record), .to = {}, .before = TRY(state_before(work, target))};
    upgrade.to = TRY(wish.rollback ? former_root(target) : fetch(work, node, target));
    upgrade.changed = wish.rollback || upgrade.to.lower != upgrade.from.lower;
    return to_json(upgrade);
  };
  step.needs = turn_of_image(node, wish.image);
  return upgrade_from_json(TRY(work.once(step)));
}

/// What the container was made as by its runtime goes, and its root is another one's.
Result<> change(Work& work, const Node& node, Target& target, const Upgrade& upgrade) {
  TRY(work.once({.name = kRemove, .act = [&]() -> Result<json::Value> {
                   TRY(target.runtime->remove(target.container(), false, work.stop()));
                   return json::Value();
                 }}));
  TRY(work.once({.name = kChange, .act = [&]() -> Result<json::Value> {
                   TRY(change_root(work, node, target, upgrade.to, upgrade.from));
                   return json::Value();
                 }}));
  target = TRY(find_target(work, node));
  return {};
}

/// From here on the former root is the one that it had.
Result<> keep(Work& work, const Node& node, const Target& target, const Upgrade& upgrade) {
  TRY(work.once({.name = kKeep, .act = [&]() -> Result<json::Value> {
                   TRY(keep_changed_root(work, target));
                   // What is left of it goes with the next one, or with the container.
                   [[maybe_unused]] const Result<> removed = node.images.forget_roots(
                       target.container().name, {upgrade.to.layers, upgrade.from.layers});
                   return json::Value();
                 }}));
  return {};
}

Result<> start_and_watch(Work& work, const Node& node, Target& target) {
  TRY(start_program(work, node, target, kOthers));
  const JobOptions& wish = work.request().options;
  const std::chrono::seconds most =
      wish.watch_s ? std::chrono::seconds(*wish.watch_s) : usual_watch(target.container());
  TRY(work.once({.name = kWatch, .act = [&]() -> Result<json::Value> {
                   TRY(work.rest_while([&] { return watch_program(work, target, most); }));
                   return json::Value();
                 }}));
  return {};
}

/// One that was made and never started is so again.
Result<> create(Work& work, const Node& node, Target& target) {
  TRY(mount_missing(work, node, target));
  Step step{.name = "runtime.create"};
  step.act = [&]() -> Result<json::Value> {
    TRY(target.runtime->create(target.container(), work.stop()));
    return json::Value();
  };
  step.clear = [&] { return target.runtime->remove(target.container(), true, work.stop()); };
  TRY(work.once(step));
  return {};
}

Result<json::Value> forget_former(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  work.plan(1);
  return work.once(
      {.name = kForget, .act = [&]() -> Result<json::Value> {
         std::string image;
         TRY(work.write([&](Books& books) {
           return change_record(books.journal(), target.row.name, [&](ContainerRecord& record) {
             image = record.former ? record.former->image : "";
             record.former.reset();
             record.aside.reset();  // of a job that was lost
           });
         }));
         TRY(node.images.forget_roots(target.container().name, {target.record.layers}));
         return json::Value(json::Object{{"container", target.row.name},
                                         {"image", target.container().spec.image},
                                         {"forgotten", image}});
       }});
}

/// The steps that the job has come to before it was to be taken back are no more done.
Result<> undo_steps(Work& work, std::int64_t before) {
  std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  std::reverse(steps.begin(), steps.end());
  for (const StepRow& step : steps) {
    if (step.number < before && step.state != StepState::undone && step.name != kLook) {
      TRY(work.step_undone(step));
    }
  }
  return {};
}

const StepRow* step_named(const std::vector<StepRow>& steps, std::string_view name) {
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const StepRow& step) {
    return step.name == name && step.state != StepState::undone;
  });
  return found == steps.end() ? nullptr : &*found;
}

/// Puts the root back that it had, with its program ended. Done twice it is the same.
Result<> go_back(Work& work, const Node& node, const Target& target, const Upgrade& upgrade) {
  const ContainerRecord& record = target.record;
  const bool is_changed = record.layers == upgrade.to.layers;
  if (is_changed) {
    const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
    if (now && now->status != Status::stopped && now->status != Status::created) {
      TRY(end_program(work, target, grace_of(work.request(), target.container())));
    } else if (target.row.status == Status::running || target.row.status == Status::paused) {
      TRY(note(work, target, Status::stopped, now ? now->exit.value_or(Exit{}) : Exit{}));
    }
    TRY(target.runtime->remove(target.container(), true, work.stop()));
    TRY(leave_root_of(node, record, work.stop()));
  }
  TRY(put_root_back(work, target, upgrade.from, is_changed));
  std::set<std::string> kept = {upgrade.from.layers};
  if (record.former) {
    kept.insert(record.former->layers);
  }
  return node.images.forget_roots(target.container().name, kept);
}

}  // namespace

Result<json::Value> upgrade_container(Work& work, const Node& node) {
  if (work.request().options.forget) {
    return forget_former(work, node);
  }
  Target target = TRY(find_target(work, node));
  work.plan(kOthers + kOfStart);
  const Upgrade upgrade = TRY(look(work, node, target));
  json::Object result{{"container", target.row.name},
                      {"image", upgrade.to.image},
                      {"former", upgrade.from.image},
                      {"changed", upgrade.changed}};
  if (!upgrade.changed) {
    return json::Value(std::move(result));
  }
  if (!upgrade.ran()) {
    work.plan(upgrade.was_created() ? 5 : 4);
  }
  const auto upgrade_now = [&]() -> Result<> {
    if (upgrade.ran()) {
      TRY(stop_started_program(work, target, grace_of(work.request(), target.container())));
    }
    TRY(change(work, node, target, upgrade));
    if (upgrade.ran()) {
      TRY(start_and_watch(work, node, target));
    } else if (upgrade.was_created()) {
      TRY(create(work, node, target));
    }
    return keep(work, node, target, upgrade);
  };
  TRY(upgrade_now().context(fmt::format("upgrade container {} to {} (it goes back to {})",
                                        target.row.name, upgrade.to.image, upgrade.from.image)));
  return json::Value(std::move(result));
}

Result<> undo_upgrade(Work& job, const Node& node) {
  if (job.request().options.forget) {
    return {};
  }
  Work work = job.taking_back();
  const std::vector<StepRow> steps = TRY(work.steps(job.request().id.str()));
  const StepRow* const looked = step_named(steps, kLook);
  Target target = TRY(find_target(work, node));
  if (looked == nullptr || looked->state != StepState::done) {
    return forget_aside(work, target);
  }
  const Upgrade upgrade = upgrade_from_json(TRY(json::parse(looked->data)));
  const StepRow* const begun = step_named(steps, kBack);
  const bool is_kept = target.record.layers == upgrade.to.layers && !target.record.aside;
  if (!upgrade.changed || (begun == nullptr && is_kept)) {
    return {};
  }
  TRY(work.once({.name = kBack, .act = [&]() -> Result<json::Value> {
                   TRY(go_back(work, node, target, upgrade));
                   return json::Value();
                 }}));
  const std::vector<StepRow> all = TRY(work.steps(job.request().id.str()));
  TRY(undo_steps(work, step_named(all, kBack)->number));
  target = TRY(find_target(work, node));
  Work again = job.taking_back();
  const Result<runtimes::State> now = target.runtime->state(target.container(), again.stop());
  if (upgrade.was_created() && !now && now.error().code == Code::not_found) {
    return create(again, node, target);
  }
  if (!upgrade.ran()) {
    return {};
  }
  const bool is_up = now && now->status != Status::stopped && now->status != Status::created;
  return is_up ? note(again, target, now->status) : start_program(again, node, target, 1);
}

}  // namespace drover::jobs
