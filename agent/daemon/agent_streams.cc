// What an Agent serves its clients with, as far as it is more than one answer.
#include "agent/daemon/agent.h"

namespace drover::daemon {

void Agent::assemble_streams() {
  const jobs::Node& node = drivers_->node();
  const auto tell = [this](const jobs::LogStreams::Address& to, std::string_view kind,
                           const json::Value& body) {
    front_->send(messaging::Record{
        {{"kind", kind}, {"peer", to.first}, {"rq", to.second}}, json::write(body), {}});
  };
  const auto give = [this](const jobs::LogStreams::Address& to, std::string_view kind,
                           json::Object more, std::string body, std::string data) {
    more.set("kind", kind);
    more.set("peer", to.first);
    more.set("rq", to.second);
    front_->send(messaging::Record{std::move(more), std::move(body), std::move(data)});
  };
  streams_ = std::make_unique<jobs::LogStreams>(loop_, *journal_, layout_, give);
  inputs_ = std::make_unique<jobs::InputStreams>(loop_, *journal_, node, clock_, tell);
  uploads_ = std::make_unique<jobs::UploadStreams>(loop_, layout_, clock_, tell);
  ports_ = std::make_unique<jobs::PortStreams>(loop_, *journal_, node, give);
  answerers_ = std::make_unique<jobs::Answerers>(loop_);
  requests_ = std::make_unique<jobs::Requests>(
      *books_, *intake_, *queries_, *streams_, *inputs_,
      [this](const messaging::Record& record) { front_->send(record); }, answerers_.get());
  requests_->take_uploads(*uploads_);
  requests_->lead_to(*ports_);
}

}  // namespace drover::daemon
