#include "messaging/dispatch/singletons.h"

namespace drover::dispatch {

Result<> check_singletons(std::size_t dispatchers, bool has_etcd) {
  if (has_etcd || dispatchers <= 1) {
    return {};
  }
  return fail(Code::refused,
              "a job that must run once in the cluster: there are {} dispatchers and no etcd, and "
              "none of them knows what the others place. Configure etcd, on dispatchers and nodes, "
              "or leave one dispatcher",
              dispatchers);
}

}  // namespace drover::dispatch
