// CHECKED: the parameters of a method of Api, or its refusal.
#pragma once

/// In a method of Api with a local `form`: the parameters that the contract allows for `name`,
/// with `own` added from the path. At a fault it returns the 400 from the calling function.
#define CHECKED(name, own)                                         \
  __extension__({                                                  \
    std::map<std::string, std::string> errors;                     \
    Parameters checked = contract_.check(name, form, own, errors); \
    if (!errors.empty()) {                                         \
      return bad_parameters(errors);                               \
    }                                                              \
    std::move(checked);                                            \
  })
