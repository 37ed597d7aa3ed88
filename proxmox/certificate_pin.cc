#include "proxmox/certificate_pin.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <charconv>

namespace drover::proxmox {
namespace {

/// Stands in for OpenSSL's own verification of the chain: called once, with the server's
/// certificate.
int verify(X509_STORE_CTX* context, void* pin) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(X509_STORE_CTX_get0_cert(context), &der);
  const bool matches = size > 0 && static_cast<const CertificatePin*>(pin)->matches(
                                       der, static_cast<std::size_t>(size));
  OPENSSL_free(der);
  X509_STORE_CTX_set_error(context, matches ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
  return matches ? 1 : 0;
}

CURLcode set_up(CURL*, void* ssl_context, void* pin) {
  SSL_CTX_set_cert_verify_callback(static_cast<SSL_CTX*>(ssl_context), verify, pin);
  return CURLE_OK;
}

}  // namespace

Result<CertificatePin> CertificatePin::parse(std::string_view text) {
  CertificatePin pin;
  for (std::size_t at = 0; at < text.size(); at += 3) {
    unsigned int byte = 0;
    const char* begin = text.data() + at;
    const bool last = at + 2 == text.size();
    if (at + 2 > text.size() || (!last && text.at(at + 2) != ':') ||
        std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2) {
      break;
    }
    pin.bytes_.push_back(static_cast<char>(byte));
  }
  if (pin.bytes_.size() != 32 || text.size() != 32 * 3 - 1) {
    return fail(Code::invalid,
                "\"{}\" is no SHA-256 fingerprint; `openssl x509 -noout -fingerprint -sha256 -in "
                "/etc/pve/local/pve-ssl.pem` shows one",
                text.substr(0, 200));
  }
  return pin;
}

void CertificatePin::apply(CURL* transfer) const {
  // Our callback stands where VERIFYPEER's would; without VERIFYPEER OpenSSL would not ask at all.
  curl_easy_setopt(transfer, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(transfer, CURLOPT_SSL_VERIFYHOST, 0L);
  curl_easy_setopt(transfer, CURLOPT_SSL_CTX_FUNCTION, set_up);
  curl_easy_setopt(transfer, CURLOPT_SSL_CTX_DATA, this);
}

bool CertificatePin::matches(const void* der, std::size_t size) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(der, size, digest.data(), &length, EVP_sha256(), nullptr);
  return std::string_view(bytes_) ==
         std::string_view(reinterpret_cast<const char*>(digest.data()), length);
}

}  // namespace drover::proxmox
