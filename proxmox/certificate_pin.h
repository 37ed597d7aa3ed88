// CertificatePin: trusts exactly one server certificate, by its SHA-256 fingerprint.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover::proxmox {

/// A fingerprint "AA:BB:..." of 32 bytes, in either case, as Proxmox shows it.
class CertificatePin {
 public:
  static Result<CertificatePin> parse(std::string_view text);

  /// Makes the transfer accept this certificate and no other; this must outlive it. Who signed it
  /// and what names it carries no longer matter: that very certificate was seen by the admin.
  void apply(CURL* transfer) const;
  /// Whether the DER-encoded certificate is the one.
  bool matches(const void* der, std::size_t size) const;

 private:
  std::string bytes_;
};

}  // namespace drover::proxmox
