#include "agent/core/config/etcd.h"

#include <utility>

#include "agent/core/config/paths.h"

namespace drover {

EtcdConfig read_etcd_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  EtcdConfig etcd;
  etcd.endpoints = fields.strings("endpoints");
  for (const std::string& endpoint : etcd.endpoints) {
    if (!endpoint.starts_with("https://") && !endpoint.starts_with("http://")) {
      fields.fault("endpoints", "must be addresses as \"https://192.0.2.1:2379\"");
    }
  }
  etcd.ca = read_absolute(fields, "ca", {});
  etcd.cert = read_absolute(fields, "cert", {});
  etcd.key = read_absolute(fields, "key", {});
  if (etcd.cert.empty() != etcd.key.empty()) {
    fields.fault("key", "must be given together with cert");
  }
  etcd.user = fields.string("user");
  etcd.password_file = read_absolute(fields, "password_file", {});
  if (etcd.user.empty() != etcd.password_file.empty()) {
    fields.fault("password_file", "must be given together with user");
  }
  etcd.prefix = fields.string("prefix", etcd.prefix);
  if (etcd.prefix.empty() || etcd.prefix.ends_with('/')) {
    fields.fault("prefix", "must not be empty, and have no / at its end");
  }
  etcd.ttl_s = fields.integer("ttl_s", etcd.ttl_s, 5, 3600);
  etcd.grace_s = fields.integer("grace_s", etcd.grace_s, 1, 600);
  // What is left is for three renewals, and to stop what runs.
  if (etcd.grace_s > etcd.ttl_s / 3) {
    fields.fault("grace_s", "must be at most a third of ttl_s");
  }
  fields.finish();
  return etcd;
}

}  // namespace drover
