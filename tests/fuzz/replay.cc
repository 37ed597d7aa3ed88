// The main of fuzz targets that are not built with libFuzzer: runs the target on every file of a
// corpus and on mutations of them, the same ones each time, and says which input was the last when
// it crashes.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz_target.h"

namespace {

constexpr int kMutations = 20'000;
constexpr std::size_t kMostBytes = 4096;

std::string current;

/// Leaves the input behind as libFuzzer does. Only async-signal-safe calls.
void tell(int number) {
  constexpr char kText[] = "\nthe input was (as it is, between the lines):\n---\n";
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, kText, sizeof kText - 1);
  written = write(STDERR_FILENO, current.data(), current.size());
  written = write(STDERR_FILENO, "\n---\n", 5);
  std::signal(number, SIG_DFL);
  raise(number);
}

void run(std::string input) {
  current = std::move(input);
  // A copy of exactly this size on the heap, so that a sanitizer sees a read behind its end.
  const std::vector<std::uint8_t> bytes(current.begin(), current.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {}

  std::string next() {
    std::string text = corpus_.at(below(corpus_.size()));
    const std::size_t changes = 1 + below(4);
    for (std::size_t i = 0; i < changes; ++i) {
      change(text);
    }
    text.resize(std::min(text.size(), kMostBytes));
    return text;
  }

 private:
  std::size_t below(std::size_t bound) {
    return bound == 0 ? 0 : static_cast<std::size_t>(random_() % bound);
  }

  void change(std::string& text) {
    static const std::vector<std::string> pieces = {"{",
                                                    "}",
                                                    "[",
                                                    "]",
                                                    "\"",
                                                    ":",
                                                    ",",
                                                    "\\u0000",
                                                    "\\ud800",
                                                    "-1",
                                                    "0",
                                                    "1e9",
                                                    "null",
                                                    "\xc3",
                                                    "\xff",
                                                    "\n",
                                                    std::string(1, '\0'),
                                                    "..",
                                                    "/",
                                                    "\\",
                                                    " ",
                                                    "*",
                                                    "//",
                                                    "/*",
                                                    "\x7f",
                                                    "18446744073709551616"};
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:  // one bit
        if (at < text.size()) {
          text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        }
        break;
      case 1:  // a piece in between
        text.insert(at, pieces.at(below(pieces.size())));
        break;
      case 2:  // a part gone
        text.erase(at, 1 + below(16));
        break;
      case 3:  // a part twice
        text.insert(at, text.substr(at, 1 + below(64)));
        break;
      case 4: {  // the end of another one
        const std::string& other = corpus_.at(below(corpus_.size()));
        text = text.substr(0, at) + other.substr(std::min(below(other.size() + 1), other.size()));
        break;
      }
      default:  // any byte
        if (at < text.size()) {
          text[at] = static_cast<char>(below(256));
        }
        break;
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "%s holds no inputs\n", argv[1]);
    return 2;
  }
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    std::signal(number, tell);
  }
  std::vector<std::string> corpus;
  for (const std::filesystem::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    run(corpus.back());
  }
  run("");
  Mutator mutator(corpus);
  for (int i = 0; i < kMutations; ++i) {
    run(mutator.next());
  }
  std::printf("%zu inputs and %d mutations of them\n", corpus.size(), kMutations);
  return 0;
}
