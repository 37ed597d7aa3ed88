#include "proxmox/task_watch.h"

#include <utility>

namespace drover::proxmox {
namespace {

thread_local const TaskWatch* watch_of_thread = nullptr;

}  // namespace

TaskWatch::TaskWatch(Tell tell, std::chrono::milliseconds every)
    : tell_(std::move(tell)), every_(every), outer_(std::exchange(watch_of_thread, this)) {}

TaskWatch::~TaskWatch() {
  watch_of_thread = outer_;
}

const TaskWatch* TaskWatch::current() {
  return watch_of_thread;
}

}  // namespace drover::proxmox
