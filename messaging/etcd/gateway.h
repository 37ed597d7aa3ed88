// Gateway: calls of etcd's JSON gateway, to the first member that answers, as the user it was told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "messaging/etcd/connection.h"

namespace drover::etcd {

struct Call {
  std::string path;  ///< below /v3: "/kv/range"
  json::Object body{};
  /// Doing it twice harms nobody. Others are asked of one member only, as soon as one may have
  /// begun it.
  bool repeatable = false;
  /// Its answers are a stream, of which the first is wanted.
  bool streamed = false;
};

/// For one thread at a time.
class Gateway {
 public:
  /// `invalid` for settings that cannot be right.
  static Result<std::unique_ptr<Gateway>> make(Settings settings);

  /// The body of the answer. `unavailable` when surely nothing was done, or when it is repeatable:
  /// try again. `timed_out` when one that is not may have been or may yet be done. `refused` also
  /// when no member is one that is trusted. Else what etcd says (etcd_answer.h).
  ///
  /// A member that does not answer costs its timeout once: the next call begins with the one that
  /// did.
  Result<json::Value> call(const Call& call, const system::Stop& stop);

 private:
  explicit Gateway(Settings settings);

  /// To one member after the other, until one has an answer that is worth having.
  Result<HttpAnswer> ask(const HttpRequest& request, const system::Stop& stop);
  Result<> log_in(const system::Stop& stop);

  const Settings settings_;
  std::vector<std::unique_ptr<Connection>> members_;
  std::size_t current_ = 0;  // who is asked first
  std::string token_;        // "" before the first login
};

}  // namespace drover::etcd
