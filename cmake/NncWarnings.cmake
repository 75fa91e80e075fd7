# nnc_library(NAME [LIBS...]): a static library of every .c file below the current folder, with the project's warnings.
function(nnc_flags target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wcast-qual -Wvla -Wundef $<$<BOOL:${NNC_WERROR}>:-Werror>)
  if(NNC_SANITIZE)
    # Generated code carries no type metadata, so clang's function-type check cannot be used on calls into it.
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-omit-frame-pointer
      -fno-sanitize-recover=all $<$<C_COMPILER_ID:Clang>:-fno-sanitize=function>)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  endif()
  # Messages and binaries name files of the tree, not where it lay.
  target_compile_options(${target} PRIVATE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=
    -fmacro-prefix-map=${PROJECT_BINARY_DIR}/=)
  target_include_directories(${target} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR};${PROJECT_SOURCE_DIR}/runtime>")
endfunction()

function(nnc_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${ARGN})
  nnc_flags(${name})
endfunction()
