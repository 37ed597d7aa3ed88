#include "agent/jobs/make_container.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {

Result<json::Value> do_job(Work& work, const Node& node) {
  switch (work.request().verb) {
    case Verb::container_run:
      return make_container(work, node, true);
    case Verb::container_create:
      return make_container(work, node, false);
    case Verb::container_start:
      return start_container(work, node);
    case Verb::container_stop:
      return stop_container(work, node);
    case Verb::container_restart:
      return restart_container(work, node);
    case Verb::container_kill:
      return kill_container(work, node);
    case Verb::container_pause:
      return pause_container(work, node);
    case Verb::container_resume:
      return resume_container(work, node);
    case Verb::container_exec:
      return exec_in_container(work, node);
    case Verb::container_delete:
      return delete_container(work, node);
    default:  // those that are done at intake (is_done_at_once)
      break;
  }
  return fail(Code::refused, "{}: this node does not know how", to_string(work.request().verb));
}

Result<> undo_job(Work& work, const Node& node) {
  return makes_container(work.request().verb) ? unmake_container(work, node) : Result<>();
}

}  // namespace drover::jobs
