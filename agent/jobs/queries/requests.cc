#include "agent/jobs/queries/requests.h"

#include <optional>
#include <utility>

#include "agent/jobs/key_reach.h"
#include "messaging/message.h"

namespace drover::jobs {
namespace {

/// Queries are small: a deeper document is nobody's honest question.
constexpr json::ParseOptions kQuestion{false, 8, 4096};
/// One that has a whole spec is bounded as a job is (intake.cc).
constexpr json::ParseOptions kQuestionWithSpec{false, 32, messaging::kMostBody};

std::optional<messaging::Role> role_from(std::string_view name) {
  using enum messaging::Role;
  for (const messaging::Role role : {observe, submit, admin}) {
    if (messaging::to_string(role) == name) {
      return role;
    }
  }
  return std::nullopt;
}

std::string_view via_of(const messaging::Record& record) {
  const json::Value* via = record.header.find("via");
  return via == nullptr ? std::string_view() : via->string_or("");
}

Result<std::uint64_t> offset_of_data(const messaging::Record& record) {
  const json::Value* offset = record.header.find("offset");
  if (offset == nullptr || offset->integer() == nullptr || *offset->integer() < 0) {
    return fail(Code::invalid, "data do not say at which offset they begin");
  }
  return static_cast<std::uint64_t>(*offset->integer());
}

}  // namespace

void Requests::handle(const messaging::Record& record) {
  const json::Value header(record.header);
  const std::string_view kind = header.at("kind").string_or("");
  const Asker asker{static_cast<std::uint64_t>(header.at("peer").integer_or(0)),
                    static_cast<std::uint64_t>(header.at("rq").integer_or(0))};
  if (kind == messaging::kPeerGone) {
    streams_.close_of(asker.peer);
    inputs_.close_of(asker.peer);
    if (uploads_ != nullptr) {
      uploads_->close_of(asker.peer);
    }
    if (ports_ != nullptr) {
      ports_->close_of(asker.peer);
    }
    return;
  }
  const auto handle = [&]() -> Result<> {
    const auto role = role_from(header.at("role").string_or(""));
    if (!role) {
      return fail(Code::refused, "a request without a role");
    }
    TRY(messaging::check_kind(*role, kind));
    const AllowedKey* sender = nullptr;
    if (record.header.find("key") != nullptr || record.header.find("via") != nullptr) {
      const Origin origin = TRY(origin_of(header));
      sender = TRY(check_key(origin, kind, record.body));
    }
    return handle_kind(asker, kind, record, sender);
  };
  if (const Result<> handled = handle(); !handled) {
    answer(asker, "error", messaging::write_error(handled.error()));
  }
}

Result<Requests::Origin> Requests::origin_of(const json::Value& header) const {
  Origin origin{std::string(header.at("key").string_or("")),
                std::string(header.at("via").string_or("")), std::nullopt};
  if (header.find("via") == nullptr) {
    return origin;
  }
  const AllowedKey* dispatcher = find_key_ ? find_key_(origin.via) : nullptr;
  if (dispatcher == nullptr || !dispatcher->may(KeyRole::dispatch)) {
    return fail(Code::refused, "key \"{}\" is no dispatcher's on this node", origin.via);
  }
  origin.within = key_role_from(header.at("within").string_or(""));
  if (!origin.within) {
    return fail(Code::refused, "a request by dispatcher {} without the role there", origin.via);
  }
  return origin;
}

Result<const AllowedKey*> Requests::check_key(const Origin& origin, std::string_view kind,
                                              const std::string& body) const {
  const std::string& name = origin.key;
  const auto may = [&origin](const AllowedKey& sender, KeyRole role) {
    return sender.may(role) && (!origin.within || allows({*origin.within}, role));
  };
  const std::string where = origin.via.empty() ? "" : " here and at dispatcher " + origin.via;
  const AllowedKey* key = find_key_ ? find_key_(name) : nullptr;
  if (key == nullptr) {
    return fail(Code::refused, "key \"{}\" is not allowed on this node", name);
  }
  if (const KeyRole needed = messaging::key_role_for(kind); !may(*key, needed)) {
    return fail(Code::refused, "kind \"{}\": key {} has not the role {}{}", kind, name,
                to_string(needed), where);
  }
  // What is open already is its own; what it reads and writes, and a terminal's size, are not.
  if (kind == "stream.open" || kind == "input.open" || kind == "port.open" ||
      kind == "terminal.resize") {
    const Result<json::Value> question = json::parse(body, kQuestion);
    TRY(question ? check_reach(*key, books_.journal(), *question) : Result<>());
  }
  if (kind != "job.submit" || may(*key, KeyRole::admin)) {
    return key;
  }
  // What is no job is told so where jobs are read.
  const Result<json::Value> job = json::parse(body, kQuestionWithSpec);
  const auto verb = job ? verb_from(job->at("verb").string_or("")) : std::nullopt;
  if (verb && !may(*key, key_role_of(*verb))) {
    return fail(Code::refused, "{}: key {} has not the role {}{}", to_string(*verb), name,
                to_string(key_role_of(*verb)), where);
  }
  return key;
}

Result<> Requests::handle_kind(const Asker& asker, std::string_view kind,
                               const messaging::Record& record, const AllowedKey* sender) {
  const std::string& body = record.body;
  if (kind == "job.submit") {
    intake_.submit(
        body,
        [this, asker](std::string_view answered, std::string text) {
          answer(asker, answered, std::move(text));
        },
        sender, via_of(record));
    return {};
  }
  if (kind.starts_with("stream.")) {
    return handle_stream(asker, kind, body);
  }
  if (kind.starts_with("input.")) {
    return handle_input(asker, kind, record);
  }
  if (kind.starts_with("upload.") && uploads_ != nullptr) {
    return handle_upload(asker, kind, record, sender);
  }
  if (kind.starts_with("port.") && ports_ != nullptr) {
    return handle_port(asker, kind, record);
  }
  // Nobody is told what a power cut could undo.
  books_.settle();
  const bool may_have_spec = kind == "query.explain";
  const json::Value question = TRY(
      json::parse(body, may_have_spec ? kQuestionWithSpec : kQuestion).context("read the query"));
  if (answerers_ != nullptr && kind == "query.stats") {
    Answerers::Find find = TRY(queries_.usage(question));
    return answer_later(asker, std::move(find));
  }
  if (answerers_ != nullptr && may_have_spec && question.find("spec") != nullptr) {
    Answerers::Find find = TRY(queries_.explain_spec(question));
    return answer_later(asker, std::move(find));
  }
  if (kind == "terminal.resize") {
    TRY(inputs_.resize(question));
    answer(asker, "answer", "{}");
    return {};
  }
  const json::Value answered = TRY(queries_.answer(kind, question));
  answer(asker, "answer", json::write(answered));
  return {};
}

Result<> Requests::answer_later(const Asker& asker, Answerers::Find find) {
  return answerers_->ask(std::move(find), [this, asker](const Result<json::Value>& answered) {
    std::string text = answered ? json::write(*answered) : std::string();
    if (text.size() > messaging::kMostBody) {
      answer(asker, "error",
             messaging::write_error(
                 Error{Code::refused, "the answer would be larger than a message may be", {}}));
    } else if (answered) {
      answer(asker, "answer", std::move(text));
    } else {
      answer(asker, "error", messaging::write_error(answered.error()));
    }
  });
}

Result<> Requests::handle_stream(const Asker& asker, std::string_view kind,
                                 const std::string& body) {
  const LogStreams::Address address{asker.peer, asker.request};
  if (kind == "stream.close") {
    streams_.close(address);
    return {};
  }
  const json::Value value = TRY(json::parse(body, kQuestion).context("read the stream's request"));
  if (kind == "stream.open") {
    return streams_.open(address, value);
  }
  if (kind == "stream.credit") {
    return streams_.credit(address, value);
  }
  return fail(Code::invalid, "there is no request of kind {}", kind);
}

Result<> Requests::handle_input(const Asker& asker, std::string_view kind,
                                const messaging::Record& record) {
  const InputStreams::Address address{asker.peer, asker.request};
  if (kind == messaging::kInputData) {
    const std::uint64_t offset = TRY(offset_of_data(record));
    return inputs_.take(address, offset, record.data);
  }
  if (kind == "input.close") {
    inputs_.close(address);
    return {};
  }
  const json::Value value = TRY(json::parse(record.body, kQuestion).context("read the request"));
  if (kind == "input.open") {
    return inputs_.open(address, value);
  }
  if (kind == "input.finish") {
    return inputs_.finish(address, value);
  }
  return fail(Code::invalid, "there is no request of kind {}", kind);
}

Result<> Requests::handle_upload(const Asker& asker, std::string_view kind,
                                 const messaging::Record& record, const AllowedKey* sender) {
  const UploadStreams::Address address{asker.peer, asker.request};
  if (kind == messaging::kUploadData) {
    const std::uint64_t offset = TRY(offset_of_data(record));
    return uploads_->take(address, offset, record.data);
  }
  if (kind == "upload.close") {
    uploads_->close(address);
    return {};
  }
  const json::Value value = TRY(json::parse(record.body, kQuestion).context("read the request"));
  return kind == "upload.open"
             ? uploads_->open(
                   address, sender == nullptr ? kLocalSender : std::string_view(sender->name.str()),
                   value)
             : uploads_->finish(address, value);
}

Result<> Requests::handle_port(const Asker& asker, std::string_view kind,
                               const messaging::Record& record) {
  const PortStreams::Address address{asker.peer, asker.request};
  if (kind == messaging::kPortData) {
    const std::uint64_t offset = TRY(offset_of_data(record));
    return ports_->take(address, offset, record.data);
  }
  if (kind == "port.close") {
    ports_->close(address);
    return {};
  }
  const json::Value value = TRY(json::parse(record.body, kQuestion).context("read the request"));
  if (kind == "port.open") {
    return ports_->open(address, value);
  }
  return kind == "port.credit" ? ports_->credit(address, value) : ports_->finish(address, value);
}

void Requests::answer(const Asker& asker, std::string_view kind, std::string body) {
  send_(messaging::Record{
      {{"kind", kind}, {"peer", asker.peer}, {"rq", asker.request}}, std::move(body), {}});
}

}  // namespace drover::jobs
