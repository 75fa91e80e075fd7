find_package(LLVM 19.1 REQUIRED CONFIG)
find_package(FLEX 2.6 REQUIRED)
find_package(BISON 3.8 REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
find_program(PROTOC_C protoc-c REQUIRED)
find_path(ONNX_PROTO_FOLDER onnx.proto PATH_SUFFIXES onnx REQUIRED)
# Types and constants only: the OpenCL loader is opened at run time.
find_path(OPENCL_INCLUDE CL/cl_icd.h REQUIRED)

# libLLVM-19 as a shared library: another LLVM may live in the same process (an OpenCL driver's).
add_library(nnc_llvm INTERFACE)
target_include_directories(nnc_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
target_link_libraries(nnc_llvm INTERFACE LLVM)
