// Whether the tests run under ThreadSanitizer.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DROVER_THREAD_SANITIZER
#endif
#endif

namespace drover::fakes {

/// It gives each process a thread of its own: none of them can make a user namespace (unshare(2)).
#if defined(__SANITIZE_THREAD__) || defined(DROVER_THREAD_SANITIZER)
inline constexpr bool kHasThreadSanitizer = true;
#else
inline constexpr bool kHasThreadSanitizer = false;
#endif

}  // namespace drover::fakes
