// OwnWords: what the node says in the words of jobs, in those of the command line.
//
// The node answers whoever speaks to it in the protocol's words: verbs ("node.undrain") and JSON
// pointers ("/spec/resources/memory_mib"). Who typed a command knows commands and flags.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/error.h"

namespace drover::cli {

/// "container.run web-1: submit node.undrain before" as "run web-1: submit `drover undrain`
/// before", and fields that stand in the text as their flags. A verb without a command stays.
std::string in_own_words(std::string_view text);

/// The flag or argument that fills the field at a JSON pointer of a job, as "--memory (in MiB)" or
/// "--volume number 2, target"; the pointer itself when there is none.
std::string flag_of(std::string_view pointer);

/// Both, for the message and for every fault.
Error in_own_words(Error error);

}  // namespace drover::cli
