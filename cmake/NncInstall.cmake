# cmake --install: compiler, runtime, headers, manual page, and how CMake and pkg-config find them. Nothing installed names the
# prefix or a folder of the build, so the tree can be moved.
include(CMakePackageConfigHelpers)

install(TARGETS nnc EXPORT nncTargets)
install(TARGETS nnrt EXPORT nncRuntimeTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/nn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The manual page is printed by the compiler from its table of options.
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/nnc.1
  COMMAND nnc -print-man > ${PROJECT_BINARY_DIR}/nnc.1
  DEPENDS nnc COMMENT "Writing the manual page" VERBATIM)
add_custom_target(nnc_man ALL DEPENDS ${PROJECT_BINARY_DIR}/nnc.1)
install(FILES ${PROJECT_BINARY_DIR}/nnc.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/nnc)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/nncConfig.cmake.in ${PROJECT_BINARY_DIR}/package/nncConfig.cmake
  INSTALL_DESTINATION ${package_folder} PATH_VARS CMAKE_INSTALL_INCLUDEDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# The compiler serves builds for any machine; nncConfig.cmake looks at the machine for the runtime.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/nncConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/package/nncConfig.cmake ${PROJECT_BINARY_DIR}/package/nncConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/nncAddNetwork.cmake DESTINATION ${package_folder})
install(EXPORT nncTargets NAMESPACE nnc:: DESTINATION ${package_folder})
install(EXPORT nncRuntimeTargets NAMESPACE nnc:: DESTINATION ${package_folder})

# Folders that were given absolutely stay so; all others are found from where the .pc file lies.
function(nnc_pc_folder variable folder)
  if(IS_ABSOLUTE "${folder}")
    set(${variable} "${folder}" PARENT_SCOPE)
  else()
    set(${variable} "\${prefix}/${folder}" PARENT_SCOPE)
  endif()
endfunction()
nnc_pc_folder(NNC_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
nnc_pc_folder(NNC_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
nnc_pc_folder(NNC_PC_BINDIR "${CMAKE_INSTALL_BINDIR}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(NNC_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(NNC_PC_PREFIX "\${pcfiledir}/${up}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/nnrt.pc.in ${PROJECT_BINARY_DIR}/package/nnrt.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/nnrt.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
