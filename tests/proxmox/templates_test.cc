// Templates against the simulator, from a real web server, a real registry and real files.
#include "proxmox/templates.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <ctime>
#include <fstream>
#include <functional>
#include <thread>

#include "fakes/file_server.h"
#include "fakes/listener.h"
#include "fakes/registry.h"
#include "fakes/separate_token.h"
#include "fakes/sim_node.h"
#include "proxmox/file_digest.h"

namespace drover::proxmox {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Made = Templates::Made;
using Running = Templates::Running;

class TemplatesTest : public testing::Test {
 protected:
  std::filesystem::path cache() const { return node_.folder() / "local/template/cache"; }
  std::string content() const { return system::read_file(cache() / volume_.file).value_or(""); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& path : system::children_of(cache())) {
      names.push_back(path.filename());
    }
    return names;
  }
  void put(const std::string& text) const { std::ofstream(cache() / volume_.file) << text; }
  Result<> download(const std::string& url, const std::string& sum = "") {
    return templates_.download(volume_, url, sum, stop_);
  }
  /// Of such a file: what it is uploaded as.
  Result<> upload(const std::string& text, const std::string& sum = "") {
    std::ofstream(folder_ / "file", std::ios::binary) << text;
    const system::UniqueFd file(open((folder_ / "file").c_str(), O_RDONLY | O_CLOEXEC));
    const std::string right = sha256_of(file.get(), stop_).value();
    return templates_.upload(volume_, file.get(), text.size(), sum.empty() ? right : sum, stop_);
  }
  static std::string sum_of(const std::string& text) {
    const fakes::TempFolder folder;
    std::ofstream(folder / "x") << text;
    return system::run_ok({"sha256sum", folder / "x"}, system::Stop()).value().substr(0, 64);
  }

  fakes::FileServer web_;
  fakes::Registry registry_;
  fakes::SimNode node_;
  fakes::TempFolder folder_;
  std::unique_ptr<Client> client_ = node_.client();
  system::SystemClock clock_;
  Tasks tasks_{*client_, clock_};
  Templates templates_{*client_, tasks_};
  system::Stop stop_;
  const TemplateVolume volume_ = TemplateVolume::parse("local:vztmpl/app_1.0.tar").value();
};

TEST_F(TemplatesTest, OneIsDownloadedAndItsChecksumHeldAgainstIt) {
  web_.add("x", "the content");
  const auto wrong = download(web_.url("x"), std::string(64, '0'));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::invalid) << wrong.error().message;
  EXPECT_THAT(wrong.error().message, HasSubstr(sum_of("the content")));
  EXPECT_THAT(files(), IsEmpty());
  ASSERT_TRUE(download(web_.url("x"), sum_of("the content")));
  EXPECT_EQ(content(), "the content");
  EXPECT_EQ(templates_.find(volume_, stop_).value()->size_bytes, 11U);
  ASSERT_TRUE(templates_.remove(volume_, stop_));
  EXPECT_FALSE(templates_.find(volume_, stop_).value());
  EXPECT_TRUE(templates_.remove(volume_, stop_));
}

TEST_F(TemplatesTest, AServerIsNotTrustedForItsNameAlone) {
  const auto done = download(node_.endpoint().server.url + "/x");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("exit code 60"));
}

TEST_F(TemplatesTest, OneIsPulledFromARegistryAsAnArchive) {
  registry_.add("demo/app:1.0");
  ASSERT_TRUE(templates_.pull(volume_, registry_.host() + "/demo/app:1.0", stop_));
  const std::string listed = system::run_ok({"tar", "-tf", cache() / volume_.file}, stop_).value();
  EXPECT_THAT(listed, HasSubstr("oci-layout"));
  const auto missing = templates_.pull(TemplateVolume::parse("local:vztmpl/no.tar").value(),
                                       registry_.host() + "/demo/no:1", stop_);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("task ociregistrypull no.tar"));
  EXPECT_EQ(files(), std::vector<std::string>{"app_1.0.tar"});
}

TEST_F(TemplatesTest, AFileIsUploadedAsItIs) {
  // Longer than what is sent at once, with the bytes of a boundary and of any text.
  std::string text;
  for (int i = 0; text.size() < (3U << 20U); ++i) {
    text += "\r\n--------" + std::to_string(i) + std::string(1, '\0') + "\xff";
  }
  const auto done = upload(text);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(content(), text);
}

TEST_F(TemplatesTest, AnEmptyFileIsUploaded) {
  const auto done = upload("");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(files(), std::vector<std::string>{volume_.file});
}

TEST_F(TemplatesTest, AnUploadIsCheckedByProxmoxToo) {
  const auto wrong = upload("content", std::string(64, '0'));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::invalid) << wrong.error().message;
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(TemplatesTest, AFileThatBecomesShorterIsNotUploaded) {
  std::ofstream(folder_ / "file") << "short";
  const system::UniqueFd file(open((folder_ / "file").c_str(), O_RDONLY | O_CLOEXEC));
  const auto done = templates_.upload(volume_, file.get(), 100, std::string(64, '0'), stop_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable) << done.error().message;
  EXPECT_THAT(done.error().message, HasSubstr("was changed while it was sent"));
}

TEST_F(TemplatesTest, NoneIsWrittenOver) {
  put("somebody's");
  web_.add("x", "content");
  registry_.add("app:1");
  EXPECT_EQ(download(web_.url("x")).error().code, Code::conflict);
  EXPECT_EQ(templates_.pull(volume_, registry_.host() + "/app:1", stop_).error().code,
            Code::conflict);
  EXPECT_EQ(upload("content").error().code, Code::conflict);
  EXPECT_EQ(content(), "somebody's");
  EXPECT_EQ(web_.asked_for("x"), 0);
}

/// Somebody who puts a file there between our look and what we ask for.
class Quicker : public Client {
 public:
  Quicker(Client& client, std::function<void()> put) : client_(client), put_(std::move(put)) {}
  Result<json::Value> get(const std::string& path, const Form& query, const Stop& stop) override {
    return client_.get(path, query, stop);
  }
  Result<json::Object> get_whole(const std::string& path, const Form& query,
                                 const Stop& stop) override {
    return client_.get_whole(path, query, stop);
  }
  Result<json::Value> post(const std::string& path, const Form& form, const Stop& stop) override {
    put_();
    return client_.post(path, form, stop);
  }
  Result<json::Value> put(const std::string& path, const Form& form, const Stop& stop) override {
    return client_.put(path, form, stop);
  }
  Result<json::Value> del(const std::string& path, const Form& query, const Stop& stop) override {
    return client_.del(path, query, stop);
  }
  Result<json::Value> upload(const std::string& path, const Form& form, const FilePart& file,
                             const Stop& stop) override {
    return client_.upload(path, form, file, stop);
  }
  const std::string& node() const override { return client_.node(); }
  const std::string& user() const override { return client_.user(); }

 private:
  Client& client_;
  std::function<void()> put_;
};

TEST_F(TemplatesTest, ADownloadThatFindsTheFileThereHasNotMadeIt) {
  web_.add("x", "content");
  for (const char* const text : {"content", "another"}) {
    Quicker quicker(*client_, [&] { put(text); });
    Templates templates(quicker, tasks_);
    const std::int64_t before = Templates::now_s();
    const auto done = templates.download(volume_, web_.url("x"), sum_of("content"), stop_);
    ASSERT_FALSE(done) << text;
    EXPECT_EQ(done.error().code, Code::conflict) << done.error().message;
    EXPECT_EQ(templates_.look_up(volume_, before, Running::awaited, stop_).value(), Made::nothing);
    EXPECT_EQ(content(), text);
    EXPECT_EQ(web_.asked_for("x"), 0);
    std::filesystem::remove(cache() / volume_.file);
  }
}

TEST_F(TemplatesTest, WhatIsThereIsNotAskedForOnceMore) {
  web_.add("x", "content");
  put("content");
  // The right one, too, which Proxmox would take for what it has fetched.
  EXPECT_EQ(download(web_.url("x"), sum_of("content")).error().code, Code::conflict);
  EXPECT_THAT(system::children_of(node_.folder() / "tasks"), IsEmpty());
}

TEST_F(TemplatesTest, WhoMayNotIsToldThePrivilege) {
  fakes::SeparateToken token(node_);
  token.grant(
      {{"/storage/local", "Datastore.Audit"}, {"/storage/local", "Datastore.AllocateTemplate"}});
  const auto client = token.client();
  Tasks tasks(*client, clock_);
  Templates templates(*client, tasks);
  const auto pulled = templates.pull(volume_, "example.org/app:1", stop_);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, Code::refused);
  EXPECT_THAT(pulled.error().message, HasSubstr("/nodes/pve1, Sys.AccessNetwork"));
  // There is another privilege that would do, so that Proxmox names none.
  EXPECT_EQ(templates.download(volume_, "https://example.org/x", "", stop_).error().code,
            Code::refused);
}

TEST_F(TemplatesTest, WhatWasFetchedThoughItsAnswerWasLostIsFound) {
  web_.add("x", "content");
  registry_.add("app:1");
  node_.set_fault("lost", 1, "POST /nodes/pve1/storage/local/download-url");
  ASSERT_TRUE(download(web_.url("x")));
  EXPECT_EQ(web_.asked_for("x"), 1);
  ASSERT_TRUE(templates_.remove(volume_, stop_));
  node_.set_fault("lost", 1, "POST /nodes/pve1/storage/local/oci-registry-pull");
  ASSERT_TRUE(templates_.pull(volume_, registry_.host() + "/app:1", stop_));
  ASSERT_TRUE(templates_.remove(volume_, stop_));
  node_.set_fault("lost", 1, "POST /nodes/pve1/storage/local/upload");
  ASSERT_TRUE(upload("uploaded"));
  EXPECT_EQ(content(), "uploaded");
}

TEST_F(TemplatesTest, WhatNobodyTookCanBeTriedAgain) {
  node_.set_fault("refused", 1, "POST /nodes/pve1/storage/local/upload");
  EXPECT_EQ(upload("content").error().code, Code::unavailable);
  EXPECT_TRUE(upload("content"));
}

TEST_F(TemplatesTest, OnlyWhatATaskOfOursHasMadeSinceIsOurs) {
  const std::int64_t before = std::time(nullptr);
  EXPECT_EQ(templates_.look_up(volume_, before, Running::awaited, stop_).value(), Made::nothing);
  ASSERT_TRUE(upload("content"));
  EXPECT_EQ(templates_.look_up(volume_, before, Running::awaited, stop_).value(), Made::all);
  const std::int64_t later = std::time(nullptr) + 100;
  EXPECT_EQ(templates_.look_up(volume_, later, Running::awaited, stop_).value(), Made::nothing);
  const auto other = TemplateVolume::parse("local:vztmpl/other.tar").value();
  std::ofstream(cache() / other.file) << "somebody's";
  EXPECT_EQ(templates_.look_up(other, before, Running::awaited, stop_).value(), Made::nothing);
  // It was made by us, and is there no more.
  ASSERT_TRUE(templates_.remove(volume_, stop_));
  EXPECT_EQ(templates_.look_up(volume_, before, Running::awaited, stop_).value(), Made::nothing);
}

TEST_F(TemplatesTest, ADownloadToAnotherStorageIsNotOfThisFile) {
  web_.add("x", "content");
  const std::int64_t before = Templates::now_s();
  ASSERT_TRUE(download(web_.url("x")));
  EXPECT_EQ(templates_.look_up(volume_, before, Running::awaited, stop_).value(), Made::all);
  // The same, had it been to a storage of the network.
  std::filesystem::path log;
  for (const auto& path : system::children_of(node_.folder() / "tasks")) {
    if (path.extension() == ".log" && path.native().find(":download:") != std::string::npos) {
      log = path;
    }
  }
  std::string text = system::read_file(log).value();
  const std::size_t at = text.find(cache());
  ASSERT_NE(at, std::string::npos);
  text.replace(at, cache().native().size(), "/mnt/pve/nfs/template/cache");
  std::ofstream(log) << text;
  EXPECT_EQ(templates_.look_up(volume_, before, Running::awaited, stop_).value(), Made::nothing);
}

class ADownloadThatHangs : public TemplatesTest {
 protected:
  /// A server that takes a connection and says nothing.
  std::string url() const {
    return "http" + silent_.url().substr(std::string("https").size()) + "/x";
  }
  void await_task() const {
    for (;;) {
      for (const auto& file : system::children_of(node_.folder() / "tasks")) {
        if (file.native().find(":download:") != std::string::npos) {
          return;
        }
      }
      poll(nullptr, 0, 10);
    }
  }
  const fakes::Listener silent_;
};

TEST_F(ADownloadThatHangs, IsAbortedOnStop) {
  std::thread stopper([&] {
    await_task();
    stop_.request();
  });
  const auto done = download(url());
  stopper.join();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::cancelled) << done.error().message;
  // If it came before the answer, the task is one to be looked up.
  const system::Stop never;
  EXPECT_EQ(templates_.look_up(volume_, 0, Running::ended, never).value(), Made::nothing);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(ADownloadThatHangs, IsEndedByWhoTakesItBack) {
  ASSERT_TRUE(client_->post("/nodes/pve1/storage/local/download-url",
                            {{"content", "vztmpl"}, {"filename", volume_.file}, {"url", url()}},
                            stop_));
  EXPECT_EQ(templates_.look_up(volume_, 0, Running::ended, stop_).value(), Made::nothing);
  EXPECT_TRUE(tasks_.running(stop_).value().empty());
}

TEST_F(TemplatesTest, AStorageThatTakesNoneIsRefused) {
  EXPECT_TRUE(templates_.check_storage("local", stop_));
  EXPECT_EQ(templates_.check_storage("fast", stop_).error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::proxmox
