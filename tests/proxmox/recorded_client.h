// RecordedClient: answers as a real API gave them, from tests/pve-sim/recordings.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "agent/system/file.h"
#include "proxmox/answer.h"
#include "proxmox/client.h"

namespace drover::proxmox {

/// All recordings by name (recordings/README.md). RECORDINGS_FOLDER is where they are.
inline const std::map<std::string, json::Value>& recordings() {
  static const std::map<std::string, json::Value> all = [] {
    std::map<std::string, json::Value> found;
    for (const auto& entry : std::filesystem::directory_iterator(RECORDINGS_FOLDER)) {
      if (entry.path().extension() == ".json") {
        const json::Value file = json::parse(system::read_file(entry.path()).value()).value();
        for (const auto& [name, recording] : *file.object()) {
          found.emplace(name, recording);
        }
      }
    }
    return found;
  }();
  return all;
}

/// As it came over the wire; status 0 where the connection was closed without one.
inline Answer answer_of(const json::Value& recording) {
  const std::string line(recording.at("answer").string_or(""));
  const json::Value* body = recording.find("body");
  return {static_cast<int>(json::Value(line.substr(0, 3)).integer_or(0)),
          line.size() > 4 ? line.substr(4) : "",
          body != nullptr && !body->is_null() ? json::write(*body)
                                              : std::string(recording.at("text").string_or(""))};
}

class RecordedClient : public Client {
 public:
  /// From now on the request that was recorded under this name is answered as it was then, whatever
  /// its query.
  void give(const std::string& name) {
    const std::string request(recordings().at(name).at("request").string_or(""));
    const std::size_t begin = request.find(kRoot);
    const std::string target = request.substr(begin + kRoot.size());
    give(request.substr(0, begin) + target.substr(0, target.find('?')), name);
  }
  /// The same for a request that was written otherwise: "GET /path".
  void give(const std::string& request, const std::string& name) { given_[request] = name; }

  Result<json::Value> get(const std::string& path, const Form&, const Stop&) override {
    return ask("GET " + path);
  }
  Result<json::Object> get_whole(const std::string& path, const Form&, const Stop&) override {
    const Result<Answer> answer = find("GET " + path);
    return answer ? read_whole(*answer, "GET " + path) : Failure(answer.error());
  }
  Result<json::Value> post(const std::string& path, const Form&, const Stop&) override {
    return ask("POST " + path);
  }
  Result<json::Value> put(const std::string& path, const Form&, const Stop&) override {
    return ask("PUT " + path);
  }
  Result<json::Value> del(const std::string& path, const Form&, const Stop&) override {
    return ask("DELETE " + path);
  }
  Result<json::Value> upload(const std::string& path, const Form&, const FilePart&,
                             const Stop&) override {
    return ask("POST " + path);
  }
  const std::string& node() const override { return node_; }
  const std::string& user() const override { return user_; }

 private:
  static constexpr std::string_view kRoot = "/api2/json";

  Result<Answer> find(const std::string& request) const {
    const auto name = given_.find(request);
    if (name == given_.end()) {
      ADD_FAILURE() << "nobody has recorded " << request;
      return fail(Code::broken, "{} was not recorded", request);
    }
    return answer_of(recordings().at(name->second));
  }
  Result<json::Value> ask(const std::string& request) const {
    const Result<Answer> answer = find(request);
    return answer ? read_answer(*answer, request) : Failure(answer.error());
  }

  std::map<std::string, std::string> given_;
  std::string node_ = "pve1";
  std::string user_ = "root@pam!agent";
};

}  // namespace drover::proxmox
