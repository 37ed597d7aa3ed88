#include "messaging/etcd/transaction.h"

#include "messaging/etcd/base64.h"

namespace drover::etcd {
namespace {

json::Object of_keys(const Keys& keys) {
  json::Object object{{"key", to_base64(keys.first)}};
  if (!keys.end.empty()) {
    object.append("range_end", to_base64(keys.end));
  }
  return object;
}

json::Value of_operation(const Operation& operation) {
  json::Object object;
  if (const auto* range = std::get_if<Range>(&operation)) {
    object.append("request_range", to_json(*range));
  } else if (const auto* put = std::get_if<Put>(&operation)) {
    object.append("request_put", to_json(*put));
  } else {
    object.append("request_delete_range", to_json(std::get<Delete>(operation)));
  }
  return object;
}

json::Value of_operations(const std::vector<Operation>& operations) {
  json::Array array;
  for (const Operation& operation : operations) {
    array.push_back(of_operation(operation));
  }
  return array;
}

}  // namespace

Keys Keys::below(const std::string& prefix) {
  std::string end = prefix;
  while (!end.empty() && end.back() == '\xff') {
    end.pop_back();
  }
  if (end.empty()) {
    return {prefix, std::string(1, '\0')};  // etcd's word for: to the last key
  }
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {prefix, end};
}

Comparison Comparison::holds(const std::string& key, const std::string& value) {
  return {key, "VALUE", "value", to_base64(value)};
}

json::Value Comparison::to_json() const {
  return json::Object{
      {"key", to_base64(key_)}, {"target", target_}, {"result", "EQUAL"}, {member_, value_}};
}

json::Object to_json(const Range& range) {
  json::Object object = of_keys(range.keys);
  if (range.limit > 0) {
    object.append("limit", range.limit);
  }
  if (range.changed_since > 0) {
    object.append("min_mod_revision", range.changed_since);
  }
  return object;
}

json::Object to_json(const Put& put) {
  json::Object object{{"key", to_base64(put.key)}, {"value", to_base64(put.value)}};
  if (put.lease != 0) {
    object.append("lease", put.lease);
  }
  return object;
}

json::Object to_json(const Delete& deletion) {
  return of_keys(deletion.keys);
}

json::Object to_json(const Transaction& transaction) {
  json::Array when;
  for (const Comparison& comparison : transaction.when) {
    when.push_back(comparison.to_json());
  }
  return json::Object{{"compare", std::move(when)},
                      {"success", of_operations(transaction.then)},
                      {"failure", of_operations(transaction.otherwise)}};
}

}  // namespace drover::etcd
