# drover_library and drover_program: how every part of the tree is built.
#
# A library sees the headers of the libraries it links and no others: each one publishes its folder
# through a link below the build tree, and the source root itself is on nobody's include path. An
# include that points up the tree therefore does not compile.

set(DROVER_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
    -Wsuggest-override -Wduplicated-cond -Wlogical-op -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(REMOVE_ITEM DROVER_WARNINGS -Wduplicated-cond -Wlogical-op)
endif()

function(drover_compile_settings target)
  target_compile_options(${target} PRIVATE ${DROVER_WARNINGS})
  if(DROVER_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${DROVER_SANITIZE}
                           -fno-sanitize-recover=all -fno-omit-frame-pointer)
    if(DROVER_SANITIZE MATCHES "undefined")
      # A quarter of the compiling time: a null pointer's use ends the program anyway, and amd64, the
      # only machine of Proxmox VE, reads what is not aligned.
      target_compile_options(${target} PRIVATE -fno-sanitize=null,alignment,vptr)
    endif()
    target_link_options(${target} PUBLIC -fsanitize=${DROVER_SANITIZE})
  endif()
endfunction()

# drover_rapidjson(TARGET): for those that include RapidJSON (tests/sanitizers.ignore).
function(drover_rapidjson target)
  target_include_directories(${target} PRIVATE ${RAPIDJSON_INCLUDE_DIRS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND DROVER_SANITIZE MATCHES "undefined")
    target_compile_options(${target} PRIVATE
                           "-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/tests/sanitizers.ignore")
  endif()
endfunction()

# The standard library's large headers and fmt: clang, which does so for each unit in 1.5 s, compiles them
# once. gcc is no faster with them. A file that lacks an include shows only in a build that does not join
# files (docs/decisions/0011-unity-builds.md), so it is done only where they are joined.
set(DROVER_SHARED_HEADERS
    <algorithm> <array> <charconv> <chrono> <condition_variable> <cstring> <deque> <filesystem> <fstream>
    <functional> <future> <map> <memory> <mutex> <optional> <random> <set> <string> <string_view> <thread>
    <unordered_map> <utility> <variant> <vector> <fmt/format.h> <fmt/ranges.h> <tl/expected.hpp>)

# drover_headers(NAME [LINKS lib...] HEADERS header...): compiles headers for `REUSE_FROM NAME`.
function(drover_headers name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;LINKS")
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/${name}.cc" CONTENT "")
  add_library(${name} OBJECT "${PROJECT_BINARY_DIR}/${name}.cc")
  drover_compile_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

function(drover_share_headers target)
  if(NOT CMAKE_UNITY_BUILD OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    return()
  endif()
  if(NOT TARGET shared_headers)
    drover_headers(shared_headers LINKS fmt::fmt tl::expected HEADERS ${DROVER_SHARED_HEADERS})
  endif()
  target_precompile_headers(${target} REUSE_FROM shared_headers)
endfunction()

# drover_library(NAME [LINKS lib...] SOURCES file...): a static library of the calling folder.
function(drover_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_library(${name} STATIC ${arg_SOURCES})
  drover_compile_settings(${name})
  drover_share_headers(${name})
  file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  set(root "${PROJECT_BINARY_DIR}/include/${name}")
  get_filename_component(parent "${root}/${folder}" DIRECTORY)
  file(MAKE_DIRECTORY "${parent}")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${root}/${folder}" SYMBOLIC)
  target_include_directories(${name} PUBLIC "${root}")
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
endfunction()

# drover_program(NAME [LINKS lib...] SOURCES file...): an executable.
function(drover_program name)
  drover_executable(${name} ${ARGN})
  drover_share_headers(${name})
endfunction()

function(drover_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_executable(${name} ${arg_SOURCES})
  drover_compile_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
endfunction()

# drover_test(NAME [LINKS lib...] [LABELS label...] [FOR kind... | SHARDS count] SOURCES file...): a
# GoogleTest program that is one test of ctest's (its own output names the cases); with FOR one for each
# kind, NAME.KIND, of the cases with that parameter; with SHARDS so many, NAME.1 and on, that share the
# cases of a long one. The target threads_tests builds those labelled "threads", node_programs what the
# tests labelled "node" need.
#
# A folder's tests are one program where they can be: most of the time of compiling one goes into what
# they share.
#
# GoogleTest and the standard library's large headers are half the time of compiling a test: they are
# compiled once, into test_headers.
add_custom_target(threads_tests)
add_custom_target(node_programs)
function(drover_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SHARDS" "SOURCES;LINKS;LABELS;FOR")
  if(NOT TARGET test_headers)
    drover_headers(test_headers LINKS core GTest::gmock
                   HEADERS <gmock/gmock.h> <gtest/gtest.h> ${DROVER_SHARED_HEADERS})
  endif()
  drover_executable(${name} SOURCES ${arg_SOURCES} LINKS ${arg_LINKS} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM test_headers)
  target_include_directories(${name} PRIVATE "${PROJECT_BINARY_DIR}/include/tests")
  set(tests ${name})
  if(arg_FOR)
    list(TRANSFORM arg_FOR PREPEND "${name}." OUTPUT_VARIABLE tests)
    foreach(kind IN LISTS arg_FOR)
      add_test(NAME ${name}.${kind} COMMAND ${name} "--gtest_filter=*/${kind}")
    endforeach()
  elseif(arg_SHARDS)
    set(tests "")
    foreach(shard RANGE 1 ${arg_SHARDS})
      math(EXPR index "${shard} - 1")
      add_test(NAME ${name}.${shard} COMMAND ${name})
      set_tests_properties(${name}.${shard} PROPERTIES ENVIRONMENT
                           "GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${index}")
      list(APPEND tests ${name}.${shard})
    endforeach()
  else()
    add_test(NAME ${name} COMMAND ${name})
  endif()
  if(arg_LABELS)
    set_tests_properties(${tests} PROPERTIES LABELS "${arg_LABELS}")
    if("threads" IN_LIST arg_LABELS)
      add_dependencies(threads_tests ${name})
    endif()
    if("node" IN_LIST arg_LABELS)
      add_dependencies(node_programs ${name})
    endif()
  endif()
endfunction()
