# nnc_embed(TARGET FILE SYMBOL): the file's bytes and a zero as `const char SYMBOL[]` of the target. Configured again when
# the file changes.
function(nnc_embed target file symbol)
  get_filename_component(file ${file} ABSOLUTE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.c)
  file(CONFIGURE OUTPUT ${source} @ONLY
    CONTENT "extern const char ${symbol}[];\n\nconst char ${symbol}[] = {\n@bytes@0};\n")
  target_sources(${target} PRIVATE ${source})
endfunction()
