#!/usr/bin/env bash
# nnc as others use it, from an installed tree that was moved, under a path with a blank.
#
#   tests/install/run.sh BUILD PART      in the root of the source tree
#
# BUILD is a complete build of nnc. PART: layout, ninja, makefiles, cross, make or firmware. Status 77: tools for another machine are
# missing.
set -u
BUILD=$(realpath "$1")
PART=$2
SOURCE=$PWD
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
unset DESTDIR PKG_CONFIG_PATH CMAKE_PREFIX_PATH CMAKE_GENERATOR CFLAGS LDFLAGS MAKEFLAGS
failures=0

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}
# step COMMAND...: it works, or the test ends here.
step() {
    timeout 120 "$@" >"$TMP/log" 2>&1 && return
    fail "$*"
    tail -n 30 "$TMP/log" >&2
    exit 1
}
need() {
    local tool
    for tool; do command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }; done
}

PREFIX="$TMP/moved here/nnc"
step cmake --install "$BUILD" --prefix "$TMP/first"
mkdir "$TMP/moved here"
mv "$TMP/first" "$PREFIX"

# ---- layout ----

# What must be there, whatever the build type adds.
check_layout() {
    local file
    for file in bin/nnc lib/libnnrt.a include/nn/nn.h include/nn/format.h share/man/man1/nnc.1 share/doc/nnc/LICENSE \
        lib/cmake/nnc/{nncConfig,nncConfigVersion,nncTargets,nncRuntimeTargets,nncAddNetwork}.cmake lib/pkgconfig/nnrt.pc; do
        [ -f "$1/$file" ] || fail "$1: no $file"
    done
}

part_layout() {
    check_layout "$PREFIX"
    step env DESTDIR="$TMP/stage" cmake --install "$BUILD" --prefix /opt/nnc
    check_layout "$TMP/stage/opt/nnc"
    diff <(cd "$PREFIX" && find . | sort) <(cd "$TMP/stage/opt/nnc" && find . | sort) || fail "the prefix changes what is installed"
    grep -rIlF -e "$BUILD" -e "$SOURCE" -e "$TMP" "$PREFIX" && fail "files name folders of the build or the first prefix"
    diff -r "$SOURCE/runtime/nn" "$PREFIX/include/nn" || fail "not the headers of the source tree"
    step "$PREFIX/bin/nnc" -version
    step "$PREFIX/bin/nnc" -print-man
    cmp "$TMP/log" "$PREFIX/share/man/man1/nnc.1" || fail "the manual page is not this compiler's"

    export PKG_CONFIG_PATH="$PREFIX/lib/pkgconfig"
    local version
    version=$("$PREFIX/bin/nnc" -version)
    [ "nnc $(pkg-config --modversion nnrt)" = "$version" ] || fail "pkg-config has another version than $version"
    cat > "$TMP/main.c" <<'END'
#include <nn/nn.h>
int main(void) {
    nn_options options;
    nn_status status = nn_default_options(2, &options);
    nn_release_options(&options);
    return status;
}
END
    step bash -c "cc '$TMP/main.c' -o '$TMP/main' $(pkg-config --cflags --libs nnrt)"
    step "$TMP/main"
    step bash -c "$(pkg-config --variable=nnc nnrt) -version"
}

# ---- cmake ----

# Names of the networks that were compiled since the last call, and of the programs that were linked.
stamp() { (cd "$TMP/build" && find nnc app lean -type f \( -name '*.[oc]' ! -name '*_host.c' ! -name '*_tb.c' -o -name app -o -name lean \) -printf '%f %T@\n' | sort); }
built() {
    local before=$TMP/build/stamp.before
    [ -f "$before" ] || : >"$before"
    stamp >"$TMP/stamp.now"
    comm -13 "$before" "$TMP/stamp.now" | sed 's/ .*//; s/\.[oc]$//' | sort | paste -sd' '
    mv "$TMP/stamp.now" "$before"
}
# rebuilds NAMES WHY: building makes exactly these anew.
rebuilds() {
    step cmake --build "$TMP/build" -j 4
    local found
    found=$(built)
    [ "$found" = "$1" ] || fail "$2: built '$found' instead of '$1'"
}
# refused TEXT COMMANDS: configuring with these commands fails with that text.
refused() {
    if cmake -S "$TMP/my project" -B "$TMP/build" -DEXTRA="$2" >"$TMP/log" 2>&1; then fail "accepted: $2"; fi
    tr -s ' \n' ' ' <"$TMP/log" | grep -qF -- "$1" || { fail "$2: no '$1' in:"; cat "$TMP/log" >&2; }
}

make_project() {
    cp -r tests/install/project "$TMP/my project"
    cp examples/make-app/picture.h "$TMP/my project"
    mkdir "$TMP/my project/digits" "$TMP/my project/data"
    cp examples/digits/mlp.nn "$TMP/my project/digits"
    cp examples/digits/mlp.safetensors "$TMP/my project/data/the weights.safetensors"
}
# check_answer COMMAND...: what the program says, which calls every network.
check_answer() {
    local found
    found=$("$@") || fail "status $? of $*"
    [ "$found" = "3 2.0000 large 3" ] || fail "the program says '$found'"
}
# runs_here TARGET: whether networks for it can run on this machine.
runs_here() { "$PREFIX/bin/nnc" devices | grep -q "^$1 .*\(cores\|units\|simulation\)"; }

configure() { step cmake -S "$TMP/my project" -B "$TMP/build" -DCMAKE_PREFIX_PATH="$PREFIX" "$@"; }
# check_rebuilds TARGET FIRST: FIRST is what the first build makes.
check_rebuilds() {
    local project="$TMP/my project" all="app brief digits large lean other small" header=digits.h
    [ "$1" = hls ] && header=digits_hls/digits.h
    rebuilds "$2" "$1: first build"
    if runs_here "$1"; then check_answer "$TMP/build/app"; else echo "not run: no device for $1"; fi
    step "$TMP/build/lean"
    rebuilds "" "$1: nothing changed"
    touch "$project/digits/mlp.nn"; rebuilds "app digits" "$1: source touched"
    touch "$project/data/the weights.safetensors"; rebuilds "app digits" "$1: weights touched"
    touch "$project/parts/the head.nn"; rebuilds "app brief large lean other small" "$1: import touched"
    touch "$PREFIX/bin/nnc"; rebuilds "$all" "$1: compiler touched"
    touch "$project/digits" "$project/parts/unrelated.nn" "$project/data/unrelated.npz"; rebuilds "" "$1: other files"
    configure -DSMALL_WEIGHTS=random:2; rebuilds "app small" "$1: arguments changed"
    configure -DSMALL_WEIGHTS=random:2; rebuilds "" "$1: configured again"
    rm "$TMP/build/nnc/app/$header"; rebuilds "app digits" "$1: an output deleted"
    mv "$project/parts/the head.nn" "$TMP/kept"
    if cmake --build "$TMP/build" >"$TMP/log" 2>&1; then fail "$1: an import was deleted, and all is well"; fi
    grep -qF 'my nets.nn:1:' "$TMP/log" || { fail "$1: a deleted import:"; cat "$TMP/log" >&2; }
    mv "$TMP/kept" "$project/parts/the head.nn"
    step cmake --build "$TMP/build"
}

check_refusals() {
    refused "TARGET 'vax' is not there; this version of nnc has: cpu, opencl, hls" 'nnc_add_network(app a.nn TARGET vax)'
    refused "there is no target 'nothing'" 'nnc_add_network(nothing a.nn)'
    refused "unknown arguments: TARGETS;cpu" 'nnc_add_network(app a.nn TARGETS cpu)'
    refused "no value for NAME" 'nnc_add_network(app a.nn NAME)'
    refused "NAME takes a C identifier, found 'a-b'" 'nnc_add_network(app a.nn NAME a-b)'
    refused "'-weights=w.npz' among the OPTIONS: use WEIGHTS" 'nnc_add_network(app a.nn OPTIONS -weights=w.npz)'
    refused "'-o' among the OPTIONS" 'nnc_add_network(app a.nn OPTIONS -o a.o)'
    refused "has a network 'digits' already" 'nnc_add_network(app a.nn NAME digits)'
    refused "'my nets' is no C identifier" 'nnc_add_network(app "my nets.nn" TARGET hls)'
    refused "hls takes no -weights-out" 'nnc_add_network(app a.nn TARGET hls OPTIONS -weights-out=external)'
    refused "'none' is neither an executable" $'add_library(none INTERFACE)\nnnc_add_network(none a.nn)'
    mkdir "$TMP/no c"
    cat >"$TMP/no c/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(user LANGUAGES CXX)
find_package(nnc REQUIRED)
add_library(app main.cpp)
nnc_add_network(app a.nn TARGET opencl)
END
    if cmake -S "$TMP/no c" -B "$TMP/no c/build" -DCMAKE_PREFIX_PATH="$PREFIX" >"$TMP/log" 2>&1; then fail "accepted: no C"; fi
    tr -s ' \n' ' ' <"$TMP/log" | grep -qF "name it: project(... LANGUAGES C CXX)" || { fail "no C:"; cat "$TMP/log" >&2; }
}

# check_pictures TARGET: the example reads the digits; the same source whatever the target.
check_pictures() {
    local app="$TMP/app/classify" digits=examples/cmake-app/digits file digit
    step cmake -S examples/cmake-app -B "$TMP/app" -DCMAKE_PREFIX_PATH="$PREFIX" -DNETWORK_TARGET="$1"
    step cmake --build "$TMP/app" -j 4
    runs_here "$1" || return
    for file in "$digits"/*.png; do
        digit=$(basename "$file")
        local ink=()
        [[ $file == *white-ink* ]] && ink=(-white-ink)
        "$app" "${ink[@]}" "$file" >"$TMP/out" || fail "status $? for $file"
        grep -qF "$file: ${digit:0:1}  (" "$TMP/out" || fail "a wrong answer: $(cat "$TMP/out")"
    done
    # Sizes and formats that lose nothing give the same eight by eight bytes.
    probabilities() { "$app" "$@" | sed 's/.*(//'; }
    for file in 1-8x8 2-16-bit 6-transparent; do
        [ "$(probabilities $digits/$file.png)" = "$(probabilities $digits/${file:0:1}.png)" ] || fail "$file.png is seen differently"
    done
    [ "$(probabilities -white-ink $digits/7-white-ink.png)" = "$(probabilities $digits/7.png)" ] || fail "white ink is seen differently"
    head -c 100 $digits/3.png >"$TMP/cut.png"
    for file in "$TMP/cut.png" README.md nowhere.png; do
        "$app" "$file" >/dev/null 2>"$TMP/log" && fail "accepted: $file"
        grep -qF "classify: $file: " "$TMP/log" || fail "no word on $file"
    done
}

part_cmake() {
    export CMAKE_GENERATOR=$1
    export NNC_CACHE_DIR=$TMP/cache
    mkdir "$NNC_CACHE_DIR"
    make_project
    configure -DCMAKE_UNITY_BUILD=ON
    check_rebuilds cpu "app brief digits large lean other small"
    check_pictures cpu
    # One network stays with the cpu, in the same program.
    configure -DNETWORK_TARGET=opencl -DSMALL_WEIGHTS=random:1
    check_rebuilds opencl "app brief digits lean other small"
    check_pictures opencl
    configure -DNETWORK_TARGET=hls -DSMALL_WEIGHTS=random:1
    check_rebuilds hls "app brief digits lean other small"
    check_pictures hls
    step cmake --build "$TMP/build" --target clean
    [ "$(ls -A "$TMP/build/nnc/app/digits_hls")" = "" ] || fail "clean leaves $(ls -A "$TMP/build/nnc/app/digits_hls")"
    check_refusals
}

part_cross() {
    need qemu-aarch64 aarch64-linux-gnu-gcc
    make_project
    step cmake -S "$TMP/my project" -B "$TMP/build" -G Ninja -DCMAKE_PREFIX_PATH="$PREFIX" -DCMAKE_EXE_LINKER_FLAGS=-static \
        -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc
    grep -qF "no nnc::runtime" "$TMP/log" || fail "a runtime of another machine is offered"
    step cmake --build "$TMP/build" -j 4
    check_answer qemu-aarch64 "$TMP/build/app"
    # What calls the runtime is compiled too; who links it brings a runtime of that machine.
    step cmake -S "$TMP/my project" -B "$TMP/build" -DNETWORK_TARGET=opencl
    grep -qF "the network of 'other' calls libnnrt" "$TMP/log" || fail "no word on the runtime"
    step cmake --build "$TMP/build" --target other
    aarch64-linux-gnu-nm "$TMP/build/libother.a" >"$TMP/log"
    grep -q ' U nn_plan_run$' "$TMP/log" || fail "no OpenCL network in libother.a: $(cat "$TMP/log")"
}

# ---- make ----

use_make() { step make -C examples/make-app OUT="$TMP/out" "$@"; }
says_three() { tail -n 2 "$TMP/log" | grep -qx 3 || { fail "$1 does not say 3:"; cat "$TMP/log" >&2; }; }
# made YES|NO GOAL WHY
made() {
    local found=YES
    make -q -C examples/make-app OUT="$TMP/out" "$2" >/dev/null 2>&1 && found=NO
    [ $found = "$1" ] || fail "$3: made again $found instead of $1"
}
part_make() {
    export PKG_CONFIG_PATH="$PREFIX/lib/pkgconfig"
    use_make run
    says_three digit
    made NO all "nothing changed"
    touch "$PREFIX/bin/nnc"
    made YES all "compiler touched"
    unset PKG_CONFIG_PATH
    rm -rf "$TMP/out"
    PATH=$PREFIX/bin:$PATH use_make run NNC=nnc NN_CFLAGS="-I'$PREFIX/include'" NN_LIBS="'$PREFIX/lib/libnnrt.a' -pthread -ldl"
    says_three digit
}
part_firmware() {
    need qemu-aarch64 aarch64-linux-gnu-gcc
    export PKG_CONFIG_PATH="$PREFIX/lib/pkgconfig"
    use_make run-firmware
    says_three firmware
    made NO firmware "nothing changed"
    aarch64-linux-gnu-nm -u "$TMP/out/firmware" >"$TMP/log"
    [ -s "$TMP/log" ] && fail "undefined: $(cat "$TMP/log")"
    # The constant is exact: one byte less of static memory is refused.
    cat > "$TMP/less.h" <<'END'
#include_next "mlp.h"
enum { LESS = MLP_CONTEXT_BYTES - 1 };
#undef MLP_CONTEXT_BYTES
#define MLP_CONTEXT_BYTES LESS
END
    mkdir "$TMP/less"
    mv "$TMP/less.h" "$TMP/less/mlp.h"
    touch "$TMP/out/firmware.d/mlp.o"
    use_make firmware CROSS_CFLAGS="-O2 -I$TMP/less"
    qemu-aarch64 "$TMP/out/firmware"
    [ $? -eq 1 ] || fail "too little memory is accepted"
}

case $PART in
ninja) part_cmake Ninja ;;
makefiles) part_cmake "Unix Makefiles" ;;
layout | cross | make | firmware) "part_$PART" ;;
*) fail "no such part: $PART" ;;
esac
[ "$failures" -eq 0 ] || { echo "$failures failed" >&2; exit 1; }
