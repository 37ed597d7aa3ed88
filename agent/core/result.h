// Result<T> and TRY: how every function that can fail after start-up says so.
//
//   Result<Volume> allocate(...) {
//     const json::Value answer = TRY(client.post(path, form));   // returns the error to the caller
//     if (...) return fail(Code::conflict, "volume {} exists", name);
//     return Volume{...};
//   }
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "agent/core/error.h"

namespace drover {

using Failure = tl::unexpected<Error>;

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;

  /// The same result; an error gets `what` in front of its message.
  Result context(std::string_view what) && {
    if (!this->has_value()) {
      return Failure(std::move(this->error()).context(what));
    }
    return std::move(*this);
  }
};

/// An error made of a code and a fmt pattern.
template <class... Args>
Failure fail(Code code, fmt::format_string<Args...> pattern, Args&&... args) {
  return Failure(Error{code, fmt::format(pattern, std::forward<Args>(args)...), {}});
}

namespace detail {
template <class T>
T take(Result<T>&& result) {
  return std::move(*result);
}
inline void take(Result<>&&) {}
}  // namespace detail

}  // namespace drover

// A statement expression, because only it can both yield a value and return from the function.
// Returning from the middle of a larger expression skips what that expression had begun (the memory
// of a `new`, the destructors of its temporaries), so TRY stands alone: as a statement, an
// initialiser or a condition. The variable is numbered, so that a TRY within a lambda within a TRY
// hides nothing.
#define TRY(expression) DROVER_TRY_COUNTED(expression, __COUNTER__)
#define DROVER_TRY_COUNTED(expression, count) DROVER_TRY_PASTED(expression, count)
#define DROVER_TRY_PASTED(expression, count) DROVER_TRY_NAMED(expression, drover_try_##count)
#define DROVER_TRY_NAMED(expression, name)               \
  __extension__({                                        \
    auto name = (expression);                            \
    if (!name.has_value()) {                             \
      return ::drover::Failure(std::move(name).error()); \
    }                                                    \
    ::drover::detail::take(std::move(name));             \
  })
