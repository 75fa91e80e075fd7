#!/usr/bin/env bash
# Designs from outside: what nnc writes compiles without a warning, gives the reference's answers, and notices changed data.
. tests/cli/lib.sh
drivers_leak
digits=examples/digits
command -v cc >/dev/null || exit 77
compilers=$(for c in gcc clang clang-19; do command -v $c >/dev/null && echo $c; done)
[ "$compilers" != "" ] || compilers=cc

# ---- what is refused ----
expect 1 "$NNC" $digits/cnn.nn -target=hls -o "$TMP/d"
says "target hls needs every size to be known: give values, as in -bind N=1"
expect 2 "$NNC" $digits/cnn.nn -target=hls -bind N=1 -device=abacus -o "$TMP/d"
says xc7z020
expect 2 "$NNC" $digits/cnn.nn -target=hls -bind N=1 -weights-out=external -o "$TMP/d"
says "-weights-out=external: hls keeps weights in the design"
[ ! -e "$TMP/d" ] || fail "a design was written all the same"
expect 3 "$NNC" $digits/cnn.nn -target=hls -bind N=1 -o -
says "needs -o FOLDER"
expect 3 env CC=no-such-compiler "$NNC" run $digits/mlp.nn -target=hls -bind N=1 -input image=random
says "install gcc or clang"
expect 3 env CC=false "$NNC" run $digits/mlp.nn -target=hls -bind N=1 -input image=random
says "'false' cannot compile the design"
expect 3 env TMPDIR="$TMP/none" "$NNC" run $digits/mlp.nn -target=hls -bind N=1 -input image=random
says "cannot make a folder"
expect 0 env CC="  cc   -O0 " TMPDIR="$TMP" "$NNC" run $digits/mlp.nn -target=hls -bind N=1 -input image=random -check
says " agrees with"
[ "$(ls -d "$TMP"/nnc-hls-* 2>/dev/null)" = "" ] || fail "a temporary folder is left"
expect 0 "$NNC" verify $digits/mlp.nn -n=1
prints "hls        is for known sizes: give them with -bind"

# ---- folders ----
mkdir "$TMP/mine" "$TMP/empty"
echo precious >"$TMP/mine/notes"
expect 1 "$NNC" $digits/mlp.nn -target=hls -bind N=1 -o "$TMP/mine"
says "the folder holds files that nnc did not write"
[ "$(ls -A "$TMP/mine")" = notes ] || fail "a foreign folder was changed"
expect 1 "$NNC" $digits/mlp.nn -target=hls -bind N=1 -o "$TMP/mine/notes"
says "a file is there"
ln -s empty "$TMP/link"
expect 0 "$NNC" $digits/mlp.nn -target=hls -bind N=1 -o "$TMP/link" -MF "$TMP/link.d"
[ -L "$TMP/link" ] && [ -s "$TMP/empty/mlp.c" ] || fail "what a link names is written, the link stays"
grep -q "link/golden.bin" "$TMP/link.d" || fail "the dependency file names the folder's files"
cp -r "$TMP/empty" "$TMP/first"
echo note >"$TMP/empty/notes"
mkdir "$TMP/empty/build"
expect 0 "$NNC" $digits/mlp.nn -target=hls -bind N=1 -o "$TMP/empty"
[ "$(cat "$TMP/empty/notes")" = note ] && [ -d "$TMP/empty/build" ] || fail "what others put there is gone"
rm -r "$TMP/empty/notes" "$TMP/empty/build"
diff -r "$TMP/first" "$TMP/empty" >/dev/null || fail "the same network gives another design"
expect 0 "$NNC" $digits/cnn.nn -prefix=other -target=hls -bind N=1 -o "$TMP/empty"
[ ! -e "$TMP/empty/mlp.c" ] && [ -s "$TMP/empty/other.c" ] || fail "the former design's files are left"
echo mine >"$TMP/empty/mlp.c"
expect 1 "$NNC" $digits/mlp.nn -target=hls -bind N=1 -o "$TMP/empty"
says "'mlp.c' in it is not nnc's"
[ "$(cat "$TMP/empty/mlp.c")" = mine ] && [ -s "$TMP/empty/other.c" ] || fail "a refused folder was changed"
[ "$(ls -A "$TMP" | grep -c '\.nnc-')" = 0 ] || fail "temporary files are left: $(ls -A "$TMP")"

# ---- designs that simulate right: all test images by the interface, samples by each compiler ----
for options in "" "-quantize=delta:0.02 -report=$TMP/report"; do
    expect 0 "$NNC" run $digits/cnn.nn $options -target=hls -bind N=360 -input image=$digits/test_images.npy -check \
        -output probs="$TMP/probs.npy"
    says "probs: agrees with the reference"
done
for network in mlp cnn; do
    expect 0 "$NNC" $digits/$network.nn -bind N=1 -quantize=delta:0.02 -report="$TMP/report" -target=hls -o "$TMP/$network"
    for compiler in $compilers; do
        rm -rf "$TMP/$network/build"
        expect 0 make -s -C "$TMP/$network" csim CC=$compiler
        prints PASS
    done
    expect 0 make -s -C "$TMP/$network" frames
    prints PASS
    ! command -v c++ >/dev/null || expect 0 make -s -C "$TMP/$network" csim-cxx
done
expect 0 "$NNC" $digits/cnn.nn -bind N=0 -target=hls -o "$TMP/nothing"
expect 0 make -s -C "$TMP/nothing" csim
# Every operator in C that no compiler warns of.
expect 0 "$NNC" tests/networks/all_ops.nn -weights=random -bind N=2 -target=hls -o "$TMP/all"
for compiler in $compilers; do
    rm -rf "$TMP/all/build"
    expect 0 make -s -C "$TMP/all" csim CC=$compiler CFLAGS=-O0
    prints PASS
done
! command -v c++ >/dev/null || expect 0 make -s -C "$TMP/all" csim-cxx CXXFLAGS=-O0

# ---- golden data: every changed byte is noticed, and a wrong result without the hash as well ----
cd "$TMP/mlp" || exit 1
cp golden.bin good.bin
size=$(stat -c %s golden.bin)
RANDOM=7
change() { # OFFSET BYTES: exclusive or
    cp good.bin golden.bin
    local byte
    byte=$(od -An -tu1 -j "$1" -N 1 good.bin)
    printf "\\x$(printf %02x $((byte ^ $2)))" | dd of=golden.bin bs=1 seek="$1" conv=notrunc status=none
}
for _ in $(seq 20); do
    change $(((RANDOM * 32768 + RANDOM) % size)) $((1 + RANDOM % 255))
    expect 1 ./build/csim
    prints "golden.bin was changed"
done
head -c $((size - 1)) good.bin >golden.bin
expect 1 ./build/csim
prints FAIL
cp good.bin golden.bin
rm -r build
expect 0 make -s csim DEFINES=-DNN_NO_HASH
change $((size - 2)) 64 # in the exponent of the last probability
expect 1 ./build/csim
prints "probs is off"
cp good.bin golden.bin
expect 0 ./build/csim

# ---- the interface, by a program that knows the header only ----
cat >"$TMP/use.c" <<'C'
#include <stdio.h>
#include <string.h>
#include "mlp.h"

static int failed;
#define CHECK(x) ((x) ? (void)0 : (void)(failed = 1, printf("line %d: %s\n", __LINE__, #x)))

int main(void) {
    static _Alignas(64) char memory[MLP_CONTEXT_BYTES + 64];
    static unsigned char image[MLP_IMAGE_ELEMENTS];
    static _Alignas(4) char room[MLP_PROBS_ELEMENTS * 4 + 4];
    float *probs = (float *)room, sum = 0;
    nn_options options = {sizeof(nn_options)};
    nn_context *context, *none;
    CHECK(mlp_context_bytes(NULL) == MLP_CONTEXT_BYTES);
    CHECK(mlp_init(NULL, sizeof memory, &options, &context) == NN_INVALID);
    CHECK(mlp_init(memory + 8, MLP_CONTEXT_BYTES, &options, &context) == NN_INVALID);
    CHECK(mlp_init(memory, MLP_CONTEXT_BYTES - 1, &options, &context) == NN_NO_MEMORY);
    CHECK(mlp_init(memory, sizeof memory, NULL, &context) == NN_INVALID && !context);
    CHECK(mlp_create(&options, &none) == NN_NO_MEMORY && !none);
    CHECK(mlp_init(memory, MLP_CONTEXT_BYTES, &options, &context) == NN_OK);
    mlp_io io = {image, probs};
    CHECK(mlp_run(context, NULL) == NN_INVALID && strstr(mlp_message(context), "io is null"));
    CHECK(mlp_run(NULL, &io) == NN_INVALID);
    CHECK(mlp_run(context, &(mlp_io){NULL, probs}) == NN_INVALID && strstr(mlp_message(context), "image is null"));
    CHECK(mlp_run(context, &(mlp_io){image, (float *)(room + 1)}) == NN_INVALID &&
          strstr(mlp_message(context), "aligned"));
    CHECK(mlp_run(context, &(mlp_io){(unsigned char *)room, probs}) == NN_INVALID &&
          strstr(mlp_message(context), "overlaps"));
    CHECK(mlp_run(context, &io) == NN_OK && !*mlp_message(context));
    for (int i = 0; i < MLP_PROBS_ELEMENTS; i++) sum += probs[i];
    CHECK(sum > 0.999f && sum < 1.001f);
    const nn_network *network = mlp_info();
    CHECK(network->struct_bytes == sizeof *network && network->input_count == 1 && network->output_count == 1);
    CHECK(network->inputs[0].rank == 3 && network->inputs[0].dims[1].code[1] == 8);
    CHECK(!strcmp(network->outputs[0].name, "probs") && network->outputs[0].type == NN_F32);
    CHECK(network->run(context, &io) == NN_OK);
    mlp_destroy(context);
    CHECK(mlp_run(context, &io) == NN_INVALID);
    mlp_destroy(NULL);
    return failed;
}
C
cd "$OLDPWD" || exit 1
for compiler in $compilers; do
    expect 0 $compiler -std=c11 -Wall -Wextra -Wconversion -Wno-missing-field-initializers -Werror -Wno-unknown-pragmas -ffp-contract=off -I runtime -I "$TMP/mlp" \
        -o "$TMP/use" -Wno-cast-align "$TMP/use.c" "$TMP/mlp/mlp.c" "$TMP/mlp/mlp_host.c" -lpthread -lm
    expect 0 "$TMP/use"
    cat "$TMP/out"
done
finish
