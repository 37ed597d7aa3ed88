#include "messaging/front/zap_request.h"

#include <algorithm>

namespace drover::messaging {
namespace {

constexpr std::string_view kVersion = "1.0";
constexpr std::size_t kFrames = 7;  // of CURVE, which has one frame of credentials

}  // namespace

Result<ZapRequest> read_zap_request(const std::vector<std::string_view>& frames) {
  if (frames.size() != kFrames || frames[0] != kVersion) {
    return fail(Code::invalid, "a ZAP request of version 1.0 for CURVE has {} frames, this one {}",
                kFrames, frames.size());
  }
  if (frames[5] != "CURVE" || frames[6].size() != kKeyBytes) {
    return fail(Code::invalid, "a ZAP request without a key of CURVE");
  }
  KeyBytes bytes{};
  std::copy(frames[6].begin(), frames[6].end(), bytes.begin());
  PublicKey key = TRY(public_key_of(bytes));
  return ZapRequest{std::string(frames[1]), std::string(frames[2]), std::string(frames[3]),
                    std::move(key)};
}

std::string metadata(std::string_view name, std::string_view value) {
  std::string text(1, static_cast<char>(name.size()));
  text += name;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += static_cast<char>((value.size() >> shift) & 0xff);
  }
  return text += value;
}

std::vector<std::string> zap_admission(const ZapRequest& request, std::string_view user,
                                       std::string_view more) {
  return {std::string(kVersion), request.id, "200", "OK", std::string(user), std::string(more)};
}

std::vector<std::string> zap_denial(std::string_view request_id) {
  return {std::string(kVersion), std::string(request_id), "300", "not allowed now", "", ""};
}

}  // namespace drover::messaging
