#include "agent/jobs/make_container.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {

Result<json::Value> do_job(Work& work, const Node& node) {
  switch (work.request().verb) {
    case Verb::container_run:
      return work.interrupted() ? finish_making(work, node, true)
                                : make_container(work, node, true);
    case Verb::container_create:
      return work.interrupted() ? finish_making(work, node, false)
                                : make_container(work, node, false);
    case Verb::container_start:
      return start_container(work, node);
    case Verb::container_stop:
      return stop_container(work, node);
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
    case Verb::job_cancel:
      break;  // done at intake, where it need not wait for a worker
  }
  return fail(Code::broken, "verb {} came to a worker", to_string(work.request().verb));
}

}  // namespace drover::jobs
