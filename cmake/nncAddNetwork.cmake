# nnc_add_network(<target> <net.nn> [TARGET cpu|opencl|hls] [NAME name] [NETWORK name] [WEIGHTS file] [OPTIONS option...])
#
# Compiles a network and adds it to <target>, an executable or library of the same folder: <target> is linked with the
# generated code and can include the generated header. Compiled again when the source, a file that it imports, the
# weights, a tuning file, the compiler or these arguments change. Call it once for each network.
#
#   TARGET   what to compile for: cpu (the default), an object; opencl, C that is compiled with <target> and linked with
#            nnc::runtime; hls, a folder with a design for FPGAs, whose simulation is compiled with <target>
#   NAME     of the header (NAME.h) and prefix of all generated names. Default: the header is called like NETWORK or the
#            source, and the prefix is the network's name (with hls
#            it is the header's, so that the files' names are known)
#   NETWORK  which network of the file, where it has several
#   WEIGHTS  .safetensors or .npz, or random[:SEED]; default: the file that is called like the source, beside it. A file
#            that another command of the folder makes is made first.
#   OPTIONS  further options of nnc, such as -mcpu=x86-64-v3 -bind N=1 -tune=net.tune; files in them are relative to the current
#            source folder
#
# In a cross build the code is for the machine that CMake builds for, unless OPTIONS has -mtriple.

cmake_policy(VERSION 3.20...3.25)

# What a target writes, from the path without extension. Sets in the caller's scope:
#   product  what -o names
#   sources  files that become part of the program: objects, or C that CMake compiles
#   others   what is written besides
#   include  the folder of the header
#   options  of the C compiler for C among the sources
#   external what -weights-out=external writes; empty where it is refused
#   weights  a file that the assembler brings into the first source; empty where there is none
#   for_cpu  whether the code is a processor's, which -mtriple names
#   libraries that the code calls
function(_nnc_files target stem)
  set(rows cpu opencl hls)
  set(weights "")
  set(options -w)
  set(external "${stem}.weights")
  set(libraries "")
  get_filename_component(include "${stem}" DIRECTORY)
  if(target STREQUAL "cpu")
    set(product "${stem}.o")
    set(sources "${stem}.o")
    set(others "${stem}.h")
    set(for_cpu TRUE)
  elseif(target STREQUAL "opencl")
    set(product "${stem}.c")
    set(sources "${stem}.c")
    set(weights "${stem}.weights")
    set(others "${stem}.h" "${stem}.cl" "${weights}")
    set(for_cpu FALSE)
    set(libraries nnc::runtime)
  elseif(target STREQUAL "hls")
    get_filename_component(name "${stem}" NAME)
    set(product "${stem}_hls")
    set(include "${product}")
    set(sources "${product}/${name}.c" "${product}/${name}_host.c")
    set(others "")
    foreach(file "${name}.h" "${name}_weights.h" nn_hls.h "${name}_tb.c" golden.bin Makefile vitis.tcl bambu.sh report.txt)
      list(APPEND others "${product}/${file}")
    endforeach()
    set(external "")
    set_property(DIRECTORY APPEND PROPERTY ADDITIONAL_CLEAN_FILES "${product}/.nnc-files")
    set(for_cpu FALSE)
    list(APPEND options -ffp-contract=off)
    set(libraries pthread m)
  else()
    list(JOIN rows ", " rows)
    message(FATAL_ERROR "nnc_add_network: TARGET '${target}' is not there; this version of nnc has: ${rows}")
  endif()
  foreach(variable product sources others include weights options external for_cpu libraries)
    set(${variable} "${${variable}}" PARENT_SCOPE)
  endforeach()
endfunction()

# -mtriple=... in a cross build, else nothing.
function(_nnc_triple result)
  set(triple "")
  if(CMAKE_CROSSCOMPILING)
    foreach(variable CMAKE_C_COMPILER_TARGET CMAKE_CXX_COMPILER_TARGET CMAKE_C_LIBRARY_ARCHITECTURE
        CMAKE_CXX_LIBRARY_ARCHITECTURE)
      if(NOT triple AND ${variable})
        set(triple "${${variable}}")
      endif()
    endforeach()
    if(NOT triple AND CMAKE_SYSTEM_PROCESSOR)
      string(TOLOWER "${CMAKE_SYSTEM_NAME}" system)
      set(triple "${CMAKE_SYSTEM_PROCESSOR}-linux-gnu")
      if(NOT system STREQUAL "linux")
        set(triple "${CMAKE_SYSTEM_PROCESSOR}-none-elf")
      endif()
    endif()
    if(NOT triple)
      message(FATAL_ERROR "nnc_add_network: a cross build, but neither CMAKE_C_COMPILER_TARGET nor CMAKE_SYSTEM_PROCESSOR "
        "says for which machine; set one, or add OPTIONS -mtriple=TRIPLE")
    endif()
    set(triple "-mtriple=${triple}")
  endif()
  set(${result} "${triple}" PARENT_SCOPE)
endfunction()

# Options that would contradict what this function promises.
function(_nnc_check_options)
  set(instead_target "TARGET")
  set(instead_prefix "NAME")
  set(instead_network "NETWORK")
  set(instead_weights "WEIGHTS")
  set(instead_o "NAME")
  foreach(option IN LISTS ARGN)
    if(option MATCHES "^--?(target|prefix|network|weights|o|MF|emit)(=|$)")
      set(name "${CMAKE_MATCH_1}")
      if(DEFINED instead_${name})
        message(FATAL_ERROR "nnc_add_network: '${option}' among the OPTIONS: use ${instead_${name}}")
      endif()
      message(FATAL_ERROR "nnc_add_network: '${option}' among the OPTIONS: nnc_add_network sets it itself")
    endif()
  endforeach()
endfunction()

function(_nnc_check_target target)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "nnc_add_network: there is no target '${target}'")
  endif()
  get_target_property(type ${target} TYPE)
  if(NOT type MATCHES "^(EXECUTABLE|STATIC_LIBRARY|SHARED_LIBRARY|MODULE_LIBRARY)$")
    message(FATAL_ERROR "nnc_add_network: '${target}' is neither an executable nor a static, shared or module library; "
      "an object cannot be added to it")
  endif()
  get_target_property(folder ${target} SOURCE_DIR)
  if(NOT folder STREQUAL CMAKE_CURRENT_SOURCE_DIR)
    message(FATAL_ERROR "nnc_add_network: '${target}' is made in ${folder}; add its networks there")
  endif()
  if(NOT TARGET nnc::nnc)
    message(FATAL_ERROR "nnc_add_network: find_package(nnc) was called in another folder; call it in this one or above")
  endif()
endfunction()

# Generated C is compiled as it is: the warnings that the program asks for are not for it, and nothing is put in front of
# it. (CMake leaves sources with options of their own out of unity builds.)
function(_nnc_add_sources target sources weights options)
  foreach(source IN LISTS sources)
    if(NOT source MATCHES "[.]c$")
      continue()
    endif()
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    if(NOT "C" IN_LIST languages)
      message(FATAL_ERROR "nnc_add_network: '${target}' gets a network in C, a language that the project does not have; "
        "name it: project(... LANGUAGES C CXX)")
    endif()
    set_source_files_properties("${source}" PROPERTIES LANGUAGE C COMPILE_OPTIONS "${options}" SKIP_PRECOMPILE_HEADERS ON)
  endforeach()
  if(weights)
    list(GET sources 0 source)
    set_source_files_properties("${source}" PROPERTIES OBJECT_DEPENDS "${weights}"
      COMPILE_DEFINITIONS "NN_WEIGHTS_FILE=\"${weights}\"")
  endif()
  target_sources(${target} PRIVATE ${sources})
endfunction()

# As target_link_libraries does it with PRIVATE, which does not go with calls of it that lack such a word.
function(_nnc_link target library)
  if(library STREQUAL "nnc::runtime" AND NOT TARGET nnc::runtime)
    message(STATUS "nnc_add_network: the network of '${target}' calls libnnrt; link one that was built for this machine")
    return()
  endif()
  set_property(TARGET ${target} APPEND PROPERTY LINK_LIBRARIES ${library})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    set_property(TARGET ${target} APPEND PROPERTY INTERFACE_LINK_LIBRARIES "$<LINK_ONLY:${library}>")
  endif()
endfunction()

function(nnc_add_network target source)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "TARGET;NAME;NETWORK;WEIGHTS" "OPTIONS")
  if(DEFINED arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "nnc_add_network: unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(DEFINED arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "nnc_add_network: no value for ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
  _nnc_check_target(${target})
  _nnc_check_options(${arg_OPTIONS})
  if(NOT DEFINED arg_TARGET)
    set(arg_TARGET cpu)
  endif()

  get_filename_component(source "${source}" ABSOLUTE)
  get_filename_component(name "${source}" NAME_WLE)
  set(arguments "${source}" "-target=${arg_TARGET}")
  set(inputs "${source}" "$<TARGET_FILE:nnc::nnc>")
  if(DEFINED arg_NETWORK)
    set(name "${arg_NETWORK}")
    list(APPEND arguments "-network=${arg_NETWORK}")
  endif()
  if(DEFINED arg_NAME)
    set(name "${arg_NAME}")
    if(NOT name MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
      message(FATAL_ERROR "nnc_add_network: NAME takes a C identifier, found '${name}'")
    endif()
  endif()
  if(arg_TARGET STREQUAL "hls" AND NOT name MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    message(FATAL_ERROR "nnc_add_network: '${name}' is no C identifier, which hls needs; give a NAME")
  endif()
  if(DEFINED arg_NAME OR arg_TARGET STREQUAL "hls")
    list(APPEND arguments "-prefix=${name}")
  endif()
  if(DEFINED arg_WEIGHTS AND arg_WEIGHTS MATCHES "^random(:|$)")
    list(APPEND arguments "-weights=${arg_WEIGHTS}")
  elseif(DEFINED arg_WEIGHTS)
    get_filename_component(weights "${arg_WEIGHTS}" ABSOLUTE)
    list(APPEND arguments "-weights=${weights}")
    list(APPEND inputs "${weights}")
  endif()
  # A folder for each target, so that targets which use the same network can be built at the same time.
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/nnc/${target}")
  set(stem "${folder}/${name}")
  get_target_property(others ${target} NNC_NETWORKS)
  if(name IN_LIST others)
    message(FATAL_ERROR "nnc_add_network: '${target}' has a network '${name}' already; give this one another NAME")
  endif()
  set_property(TARGET ${target} APPEND PROPERTY NNC_NETWORKS "${name}")
  file(MAKE_DIRECTORY "${folder}")

  _nnc_files("${arg_TARGET}" "${stem}")
  if(for_cpu AND NOT arg_OPTIONS MATCHES "(^|;)--?mtriple(=|;|$)")
    _nnc_triple(triple)
    list(APPEND arguments ${triple})
  endif()
  set(written ${sources} ${others})
  if(arg_OPTIONS MATCHES "(^|;)--?weights-out(=|;|$)")
    if(external STREQUAL "")
      message(FATAL_ERROR "nnc_add_network: ${arg_TARGET} takes no -weights-out: the weights are part of the design")
    endif()
    list(APPEND written ${external})
    list(REMOVE_DUPLICATES written)
    set(weights "")
  endif()
  list(APPEND arguments -o "${product}" -MF "${stem}.d" ${arg_OPTIONS})
  file(RELATIVE_PATH shown "${CMAKE_SOURCE_DIR}" "${source}")
  add_custom_command(OUTPUT ${written}
    COMMAND "$<TARGET_FILE:nnc::nnc>" ${arguments}
    DEPENDS ${inputs}
    DEPFILE "${stem}.d"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Compiling network ${shown} for ${arg_TARGET}"
    VERBATIM)
  _nnc_add_sources(${target} "${sources}" "${weights}" "${options}")
  # A testbench is C too, with a main of its own.
  set_source_files_properties(${others} PROPERTIES HEADER_FILE_ONLY ON)
  target_sources(${target} PRIVATE ${others})
  foreach(library IN LISTS libraries)
    _nnc_link(${target} ${library})
  endforeach()
  get_target_property(headers nnc::headers INTERFACE_INCLUDE_DIRECTORIES)
  target_include_directories(${target} PRIVATE "${include}" "${headers}")
endfunction()
