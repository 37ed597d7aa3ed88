// FileServer: a folder's files over plain HTTP on loopback.
#pragma once

#include <fstream>
#include <string>

#include "fakes/loopback_program.h"

namespace drover::fakes {

class FileServer {
 public:
  void add(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::string url(const std::string& name) const {
    return "http://" + program_.host() + "/" + name;
  }
  /// How often it was asked for the file.
  int asked_for(const std::string& name) const {
    const std::string line = "\"GET /" + name + " ";
    const std::string said = program_.said();
    int count = 0;
    for (std::size_t at = said.find(line); at != std::string::npos; at = said.find(line, at + 1)) {
      ++count;
    }
    return count;
  }

 private:
  TempFolder folder_;
  LoopbackProgram program_{{"/usr/bin/python3", "-u", "-m", "http.server", "0", "--bind",
                            "127.0.0.1", "--directory", folder_.path().native()},
                           "Serving HTTP on 127.0.0.1 port "};
};

}  // namespace drover::fakes
