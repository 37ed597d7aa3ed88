// FrontTest: drover-front started as droverd starts it, with clients on its sockets and the test in
// droverd's place.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>
#include <zmq.hpp>

#include "agent/system/child.h"
#include "fakes/temp_folder.h"
#include "messaging/key_denial.h"
#include "messaging/message.h"
#include "messaging/pair.h"

namespace drover::messaging {

using std::chrono::milliseconds;

constexpr milliseconds kLong{20'000};

struct Answer {
  Header header;
  std::string body;
  std::string data;
};

class Client {
 public:
  Client(zmq::context_t& context, const std::filesystem::path& socket)
      : Client(zmq::socket_t(context, zmq::socket_type::dealer), "ipc://" + socket.native()) {}
  /// `socket` has options of its own already.
  Client(zmq::socket_t socket, const std::string& address) : socket_(std::move(socket)) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(kLong.count()));
    socket_.connect(address);
  }
  void send(const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      socket_.send(zmq::buffer(frames[i]),
                   i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  void ask(std::string_view kind, const std::string& body, std::uint64_t rq = 1) {
    send({write_header(kind, rq), body});
  }
  Answer answer() {
    std::vector<std::string> frames;
    zmq::message_t frame;
    do {
      if (!socket_.recv(frame)) {
        throw std::runtime_error("no answer");
      }
      frames.push_back(frame.to_string());
    } while (frame.more());
    return {read_header(frames.at(0)).value(), frames.at(1), frames.size() > 2 ? frames.at(2) : ""};
  }
  /// The error's code.
  std::string refusal() {
    const Answer got = answer();
    EXPECT_EQ(got.header.kind, "error") << got.body;
    return std::string(to_string(read_error(got.body).code));
  }

 private:
  zmq::socket_t socket_;
};

class FrontTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms::owner_all);
    start();
    ASSERT_THAT(kinds(), testing::ElementsAre("front.ready"));
  }
  void TearDown() override { end(); }

  void start() {
    auto fds = Pair::make();
    ASSERT_TRUE(fds);
    core_.emplace(std::move(fds->first), std::size_t{64} << 20);
    system::ChildOptions options;
    options.descriptors = {{fds->second.get(), 3}, {2, 2}};
    auto child = system::Child::start(
        {DROVER_FRONT, "--directory", folder_.path().native(), "--fd", "3"}, options);
    ASSERT_TRUE(child) << child.error().message;
    child_.emplace(std::move(*child));
  }
  system::Ending end() {
    core_.reset();
    if (!child_) {
      return {};
    }
    const auto ending = child_->wait(stop_, kLong);
    child_.reset();
    EXPECT_TRUE(ending) << "the front does not end with droverd";
    return ending.value_or(system::Ending{});
  }
  Client client(const char* socket) { return {context_, folder_ / socket}; }
  /// What came to droverd, at least one record, but for those of keys that are denied.
  std::vector<Record> records() {
    std::vector<Record> others;
    while (others.empty() && !HasFailure()) {
      others = receive(kLong);
    }
    return others;
  }
  /// The next key that is denied, of those told already or of those to come.
  KeyDenial denial() {
    while (denials_.empty() && !HasFailure()) {
      EXPECT_THAT(receive(kLong), testing::IsEmpty());
    }
    KeyDenial first = denials_.empty() ? KeyDenial{} : denials_.front();
    denials_.erase(denials_.begin(), denials_.begin() + (denials_.empty() ? 0 : 1));
    return first;
  }
  /// Those that are there.
  void take_denials() { EXPECT_THAT(receive(milliseconds(10), false), testing::IsEmpty()); }
  std::vector<Record> receive(milliseconds most, bool must_come = true) {
    pollfd ready{core_->fd(), POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(most.count())) != 1) {
      EXPECT_FALSE(must_come) << "nothing comes to droverd";
      return {};
    }
    auto got = core_->receive();
    EXPECT_TRUE(got) << got.error().message;
    std::vector<Record> others;
    for (Record& record : got.value_or(std::vector<Record>{})) {
      if (record.header.find("kind")->string_or("") == kKeyDenied) {
        denials_.push_back(read_key_denial(record).value());
      } else {
        others.push_back(std::move(record));
      }
    }
    return others;
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> found;
    for (const Record& record : records()) {
      found.emplace_back(record.header.find("kind")->string_or(""));
    }
    return found;
  }
  void tell(const Record& record) {
    ASSERT_TRUE(core_->send(record));
    ASSERT_TRUE(core_->flush());
  }
  static std::string job(const std::string& id) {
    return R"({"id":")" + id + R"(","verb":"container.stop","target":"web"})";
  }

  fakes::TempFolder folder_;
  system::Stop stop_;
  zmq::context_t context_;
  std::optional<Pair> core_;
  std::vector<KeyDenial> denials_;
  std::optional<system::Child> child_;
};

}  // namespace drover::messaging
