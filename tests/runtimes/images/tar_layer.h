// TarLayer: a layer of an image, entry by entry, also as no tar(1) would write it (POSIX ustar,
// pax).
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>

namespace drover::runtimes {

class TarLayer {
 public:
  struct Entry {
    std::string name;
    char type = '0';  ///< '0' file, '1' hard link, '2' symlink, '3' device, '5' folder
    std::string content{};
    std::string link{};
    unsigned mode = 0644;
    unsigned uid = 0;
    std::string xattr{};  ///< "NAME=value"
    unsigned major = 1;   ///< of a device
    unsigned minor = 3;
  };

  TarLayer& add(const Entry& entry) {
    if (!entry.xattr.empty()) {
      // A pax record begins with its own length, all of it counted.
      const std::string record = fmt::format(" SCHILY.xattr.{}\n", entry.xattr);
      std::size_t size = record.size() + 2;
      size += std::to_string(size).size() - 2;
      Entry pax{.name = "pax", .type = 'x'};
      pax.content = std::to_string(size) + record;
      add(pax);
    }
    std::string header(kBlock, '\0');
    const auto put = [&header](std::size_t at, const std::string& text) {
      header.replace(at, text.size(), text);
    };
    put(0, entry.name);
    put(100, fmt::format("{:07o}", entry.mode));
    put(108, fmt::format("{:07o}", entry.uid));
    put(116, fmt::format("{:07o}", entry.uid));
    put(124, fmt::format("{:011o}", entry.content.size()));
    put(136, fmt::format("{:011o}", 1'700'000'000));
    put(148, "        ");
    header[156] = entry.type;
    put(157, entry.link);
    put(257, std::string("ustar\0", 6) + "00");
    put(329, fmt::format("{:07o}", entry.major));
    put(337, fmt::format("{:07o}", entry.minor));
    const unsigned sum =
        std::accumulate(header.begin(), header.end(), 0U,
                        [](unsigned all, char c) { return all + static_cast<unsigned char>(c); });
    put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    data_ += header + entry.content;
    data_.resize((data_.size() + kBlock - 1) / kBlock * kBlock);
    return *this;
  }
  void write(const std::string& file) const {
    std::ofstream(file, std::ios::binary) << data_ << std::string(2 * kBlock, '\0');
  }

 private:
  static constexpr std::size_t kBlock = 512;
  std::string data_;
};

}  // namespace drover::runtimes
