#include "tests/pve-sim/certificate.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "agent/system/file.h"

namespace drover::pve_sim {

namespace {

std::string pem_of(BIO* memory) {
  std::array<char, 8192> text{};
  const int length = BIO_read(memory, text.data(), static_cast<int>(text.size()));
  return {text.data(), static_cast<std::size_t>(length > 0 ? length : 0)};
}

}  // namespace

Result<std::string> make_certificate(const path& directory) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), X509_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  if (!key || !cert || !memory) {
    return fail(Code::broken, "make a certificate: out of memory");
  }
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 60L * 60 * 24 * 30);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                             std::array<unsigned char, 10>{"localhost"}.data(), 9, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert.get(), cert.get(), nullptr, nullptr, 0);
  for (const auto& [nid, value] : {std::pair{NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"},
                                   std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(cert.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  if (X509_sign(cert.get(), key.get(), EVP_sha256()) == 0) {
    return fail(Code::broken, "sign the certificate");
  }
  PEM_write_bio_X509(memory.get(), cert.get());
  TRY(system::write_atomically(directory / "cert.pem", pem_of(memory.get())));
  PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  TRY(system::write_atomically(directory / "key.pem", pem_of(memory.get()), 0600));
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  X509_digest(cert.get(), EVP_sha256(), bytes.data(), &length);
  std::string fingerprint;
  for (unsigned i = 0; i < length; ++i) {
    fingerprint += fmt::format("{}{:02X}", i == 0 ? "" : ":", bytes[i]);
  }
  TRY(system::write_atomically(directory / "fingerprint", fingerprint));
  return fingerprint;
}

}  // namespace drover::pve_sim
