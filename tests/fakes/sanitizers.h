// Under which sanitizer the tests run.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DROVER_THREAD_SANITIZER
#endif
#if __has_feature(address_sanitizer)
#define DROVER_ADDRESS_SANITIZER
#endif
#endif

namespace drover::fakes {

/// It gives each process a thread of its own: none of them can make a user namespace (unshare(2)).
#if defined(__SANITIZE_THREAD__) || defined(DROVER_THREAD_SANITIZER)
inline constexpr bool kHasThreadSanitizer = true;
#else
inline constexpr bool kHasThreadSanitizer = false;
#endif

/// Each of them reserves more address space than a process could be allowed.
#if defined(__SANITIZE_ADDRESS__) || defined(DROVER_ADDRESS_SANITIZER)
inline constexpr bool kHasSanitizer = true;
#else
inline constexpr bool kHasSanitizer = kHasThreadSanitizer;
#endif

}  // namespace drover::fakes
