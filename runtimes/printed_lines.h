// PrintedLines: makes lines of what a program prints, of each of its streams by itself.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace drover::runtimes {

/// For one thread.
class PrintedLines {
 public:
  /// Takes a line of "stdout" or "stderr" without its end, or where not `ends` a part of one.
  using Take = std::function<void(std::string_view stream, std::string_view text, bool ends)>;

  /// Lines that have not ended yet wait for their rest, at most 16 KiB of them.
  void add(std::string_view stream, std::string_view chunk, const Take& take);
  /// Hands on what still waits, as parts.
  void finish(const Take& take);

 private:
  std::string out_;
  std::string err_;
};

}  // namespace drover::runtimes
