#include "agent/jobs/queries/spec_refusals.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace drover::jobs {
namespace {

/// Most of it is reading the spec once more, which a large one makes slow: whoever may ask this,
/// and that is everybody, must not keep the node's processors with it.
constexpr int kMostAsked = 300;
constexpr std::chrono::seconds kMostTime{2};
constexpr int kDeepest = 3;

/// A member's name, or an element's number.
using Place = std::vector<std::string>;

json::Value* part_of(json::Value& value, const std::string& step) {
  if (json::Object* object = value.object()) {
    return object->find(step);
  }
  json::Array* array = value.array();
  return array == nullptr ? nullptr : &array->at(std::stoul(step));
}

json::Value without(json::Value document, const Place& place) {
  json::Value* at = &document;
  for (std::size_t i = 0; i + 1 < place.size() && at != nullptr; ++i) {
    at = part_of(*at, place.at(i));
  }
  if (at == nullptr) {
    return document;
  }
  if (json::Array* array = at->array()) {
    array->erase(array->begin() + static_cast<std::ptrdiff_t>(std::stoul(place.back())));
  } else if (json::Object* object = at->object()) {
    object->erase(place.back());
  }
  return document;
}

std::vector<std::string> steps_from(const json::Value& value) {
  std::vector<std::string> steps;
  if (const json::Object* object = value.object()) {
    for (const auto& [name, member] : *object) {
      steps.push_back(name);
    }
  } else if (const json::Array* array = value.array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      steps.push_back(std::to_string(i));
    }
  }
  return steps;
}

/// Those of a whole spec: what it is made of comes last, because without it a check may look at
/// nothing else either.
std::vector<std::string> members_of_spec(const json::Value& spec) {
  std::vector<std::string> members = steps_from(spec);
  std::erase(members, "runtime");
  std::stable_partition(members.begin(), members.end(), [](const std::string& member) {
    return member != "image" && member != "rootfs";
  });
  return members;
}

/// Whether the text names this member, as a whole word.
bool mentions(std::string_view text, std::string_view member) {
  const auto is_of_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (std::size_t at = text.find(member); at != std::string_view::npos;
       at = text.find(member, at + 1)) {
    const std::size_t end = at + member.size();
    if ((at == 0 || !is_of_word(text[at - 1])) && (end == text.size() || !is_of_word(text[end]))) {
      return true;
    }
  }
  return false;
}

class Search {
 public:
  Search(const ContainerSpec& spec, const SpecCheck& check, const system::Stop& stop)
      : document_(to_json(spec)), check_(check), stop_(stop) {}

  Result<std::vector<SpecRefusal>> run() {
    std::vector<SpecRefusal> found;
    std::optional<Error> error = ask(document_).value_or(std::nullopt);
    while (error) {
      TRY(stop_.check("look what a runtime refuses"));
      const Place culprit = culprit_of(*error, document_, {});
      found.push_back({pointer_of(culprit), *error});
      if (culprit.empty()) {
        break;
      }
      note_taken_out(culprit);
      document_ = without(std::move(document_), culprit);
      error = ask(document_).value_or(std::nullopt);
    }
    if (is_cut_) {
      found.push_back({"/spec", Error{Code::refused,
                                      "there may be more: so much is refused of it that not all of "
                                      "it was looked at",
                                      {}}});
    }
    return found;
  }

  ContainerSpec left() const {
    Faults faults;
    return read_container_spec(document_, "", faults);
  }

 private:
  /// Nothing of what is no spec any more, without a member that it must have; then none of one that
  /// would do.
  std::optional<std::optional<Error>> ask(const json::Value& document) {
    ++asked_;
    Faults faults;
    const ContainerSpec spec = read_container_spec(document, "", faults);
    if (!faults.empty()) {
      return std::nullopt;
    }
    const Result<> checked = check_(spec);
    return checked ? std::optional<Error>() : std::optional(checked.error());
  }

  /// The smallest place below `above`, whose value is `value`, without which `error` is not told
  /// any more; "" when there is none.
  Place culprit_of(const Error& error, const json::Value& value, const Place& above) {
    if (above.size() >= kDeepest) {
      return {};
    }
    std::vector<std::string> steps = above.empty() ? members_of_spec(value) : steps_from(value);
    // Without another one it may be told something else, too: that this one needs the other.
    std::stable_partition(steps.begin(), steps.end(), [&error](const std::string& step) {
      return mentions(error.message, step);
    });
    for (const std::string& step : steps) {
      Place place = above;
      place.push_back(step);
      if (asked_ >= kMostAsked || std::chrono::steady_clock::now() - began_ >= kMostTime) {
        is_cut_ = true;
        return {};
      }
      const auto now = ask(without(document_, place));
      if (now && (!*now || (*now)->message != error.message)) {
        const json::Value* part =
            value.object() != nullptr ? value.find(step) : &value.array()->at(std::stoul(step));
        const Place narrower = culprit_of(error, *part, place);
        return narrower.empty() ? place : narrower;
      }
    }
    return {};
  }

  /// As the whole spec has it: an element's number is by those before it that are taken out
  /// already.
  std::string pointer_of(const Place& place) {
    std::string pointer = "/spec";
    const json::Value* at = &document_;
    for (const std::string& step : place) {
      std::string shown = step;
      const json::Array* array = at->array();
      if (array != nullptr) {
        std::size_t number = std::stoul(step);
        for (const std::size_t gone : taken_out_[pointer]) {
          number += gone <= number ? 1 : 0;
        }
        shown = std::to_string(number);
      }
      pointer = json::pointer_join(pointer, shown);
      at = array != nullptr ? &array->at(std::stoul(step)) : &at->at(step);
    }
    return pointer;
  }

  void note_taken_out(const Place& place) {
    const json::Value* at = &document_;
    for (std::size_t i = 0; i + 1 < place.size(); ++i) {
      at =
          at->array() != nullptr ? &at->array()->at(std::stoul(place.at(i))) : &at->at(place.at(i));
    }
    if (at->array() != nullptr) {
      const std::string pointer = pointer_of(place);
      const std::size_t slash = pointer.rfind('/');
      taken_out_[pointer.substr(0, slash)].insert(std::stoul(pointer.substr(slash + 1)));
    }
  }

  json::Value document_;
  std::map<std::string, std::set<std::size_t>> taken_out_{};  // of an array, by its pointer
  const SpecCheck& check_;
  const system::Stop& stop_;
  int asked_ = 0;
  bool is_cut_ = false;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<std::vector<SpecRefusal>> all_refusals(const ContainerSpec& spec, const SpecCheck& check,
                                              const system::Stop& stop, ContainerSpec& left) {
  Search search(spec, check, stop);
  std::vector<SpecRefusal> found = TRY(search.run());
  left = search.left();
  return found;
}

}  // namespace drover::jobs
