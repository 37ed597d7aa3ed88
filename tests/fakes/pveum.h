// pveum: what an admin's command line does, by the API.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/core/split.h"
#include "proxmox/client.h"

namespace drover::fakes {

/// "pveum role add ROLE", "pveum role modify ROLE --append 1 --privs A,B" and "pveum acl modify
/// PATH
/// --roles ROLE --tokens 'TOKEN'", as whoever `client` is.
inline Result<json::Value> pveum(proxmox::Client& client, const std::string& line) {
  const system::Stop stop;
  std::vector<std::string> words = split(line, " '");
  proxmox::Form form;
  for (std::size_t i = 4; i + 1 < words.size(); i += 2) {
    form.emplace_back(words.at(i).substr(2), words.at(i + 1));
  }
  const std::string what = words.at(1) + " " + words.at(2);
  if (what == "role add") {
    form.emplace_back("roleid", words.at(3));
    return client.post("/access/roles", form, stop);
  }
  if (what == "role modify") {
    return client.put("/access/roles/" + words.at(3), form, stop);
  }
  form.emplace_back("path", words.at(3));
  return what == "acl modify" ? client.put("/access/acl", form, stop)
                              : Result<json::Value>(fail(Code::invalid, "no such thing: {}", line));
}

}  // namespace drover::fakes
