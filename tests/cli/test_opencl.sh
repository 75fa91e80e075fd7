#!/usr/bin/env bash
# OpenCL from outside: nnc runs networks on it, and the files it writes compile, link and give the same answers.
#   test_opencl.sh NNC plain|sanitize LIBNNRT
set -euo pipefail
nnc=$1
kind=$2
library=${3:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# PoCL leaks memory of its own; the fake driver of tests/opencl shows that libnnrt does not.
[ "$kind" != sanitize ] || export ASAN_OPTIONS=detect_leaks=0
export NNC_CACHE_DIR=$folder/cache
mkdir "$NNC_CACHE_DIR"
digits=examples/digits

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

agrees() {
    "$nnc" run "$@" -target=opencl -check -output "$output" >"$folder/log" 2>&1 || fail "$*: $(cat "$folder/log")"
    grep -q ' agrees with' "$folder/log" || fail "$*: $(cat "$folder/log")"
    ! grep -q DISAGREES "$folder/log" || fail "$*: $(cat "$folder/log")"
}

# A wrong device is a fault of the command line, and needs no driver.
status=0
"$nnc" $digits/mlp.nn -target=opencl -device=abacus -o "$folder/x.c" 2>"$folder/log" || status=$?
[ $status = 2 ] || fail "-device=abacus: status $status"
grep -q pocl "$folder/log" || fail "-device=abacus: $(cat "$folder/log")"

# Files are the same every time; no other machine's registers are asked for.
mkdir "$folder/a" "$folder/b"
for copy in a b; do "$nnc" $digits/cnn.nn -target=opencl -device=pocl-256 -o "$folder/$copy/cnn.c"; done
cmp "$folder/a/cnn.c" "$folder/b/cnn.c"
cmp "$folder/a/cnn.weights" "$folder/b/cnn.weights"
[ "$(ls "$folder/a")" = "$(printf 'cnn.c\ncnn.cl\ncnn.h\ncnn.weights')" ] || fail "files: $(ls "$folder/a")"
# The header promises what a driver keeps, and that of a cpu more.
grep -q 'fails on$' "$folder/a/cnn.h" || fail "$(cat "$folder/a/cnn.h")"
! grep -q 'Nothing is allocated' "$folder/a/cnn.h" || fail "$(cat "$folder/a/cnn.h")"
"$nnc" $digits/cnn.nn -o "$folder/cpu.o"
grep -q 'Nothing is allocated' "$folder/cpu.h" || fail "$(cat "$folder/cpu.h")"
"$nnc" $digits/cnn.nn -target=opencl -device=pocl-256 -emit=opencl -o "$folder/only.cl"
cmp "$folder/only.cl" "$folder/a/cnn.cl"
tree=$PWD
(cd "$folder" && "$nnc" "$tree/$digits/mlp.nn" -target=opencl && "$nnc" "$tree/$digits/mlp.nn" -target=opencl -emit=opencl)
for extension in c h cl weights; do [ -s "$folder/mlp.$extension" ] || fail "no mlp.$extension beside the others"; done
for compiler in gcc clang-19; do
    command -v $compiler >/dev/null || continue
    $compiler -std=gnu99 -O1 -Wall -Wextra -Wpedantic -Wno-overlength-strings -Werror -I runtime -I "$folder/a" \
        -c "$folder/a/cnn.c" -o "$folder/$compiler.o"
done

# A network with 47 MB of weights compiles at once: they pass by the C compiler.
"$nnc" examples/resnet18.nn -weights=random -bind N=1 -target=opencl -device=pocl-256 -o "$folder/resnet18.c"
[ "$(stat -c %s "$folder/resnet18.weights")" -gt 46000000 ] || fail "resnet18.weights: $(ls -l "$folder")"
[ "$(stat -c %s "$folder/resnet18.c")" -lt 1000000 ] || fail "weights in resnet18.c: $(ls -l "$folder")"
timeout 3 gcc -O2 -I runtime -I "$folder" -c "$folder/resnet18.c" -o "$folder/resnet18.o" || fail "gcc takes 3 s for resnet18.c, or refuses it"
[ "$(stat -c %s "$folder/resnet18.o")" -gt 46000000 ] || fail "resnet18.o lacks its weights"
rm "$folder"/resnet18.*

if ! "$nnc" devices | grep -q '^opencl .*units'; then
    echo "no OpenCL device"
    exit 77
fi

"$nnc" devices | grep -Eq '^opencl .*-device=(pocl|generic-gpu)' || fail "nnc devices: $("$nnc" devices)"

for network in mlp cnn; do
    output=probs=$folder/probs.npy
    agrees $digits/$network.nn -device=generic-gpu -input image=$digits/test_images.npy
    agrees $digits/$network.nn -input image=$digits/test_images.npy
    "$nnc" run $digits/$network.nn -target=reference -input image=$digits/test_images.npy -output probs="$folder/reference.npy"
    [ "$kind" = plain ] || continue
    "$nnc" $digits/$network.nn -target=opencl -o "$folder/$network.c"
    for compiler in gcc clang-19; do
        command -v $compiler >/dev/null || continue
        $compiler -std=gnu11 -O1 -I runtime -I "$folder" -DNETWORK=$network -DHEADER="\"$network.h\"" -DTARGET='"opencl"' \
            -DOBJECT_BYTES=0 -DRUNS=3 -o "$folder/score" $digits/score.c "$folder/$network.c" "$library" \
            -lpthread -ldl -lm
        row=$("$folder/score" $digits/test_images.npy $digits/test_labels.npy "$folder/reference.npy" 1)
        grep -q '100.00 %' <<<"$row" || fail "$network by $compiler: $row"
    done
done

output=logits=$folder/logits.npy
agrees examples/resnet18.nn -weights=random -bind N=1 -input image=random
# Sizes that are known late, nothing at all among them.
"$nnc" verify tests/networks/all_ops.nn -weights=random -targets=opencl -n=5 >"$folder/log" 2>&1 || fail "$(cat "$folder/log")"
! grep -q OFF "$folder/log" || fail "$(cat "$folder/log")"
# Kernels called like functions of OpenCL C; f16 vectors at odd places, which PoCL's own conversions do not take.
cat >"$folder/odd.nn" <<'END'
network scalars(x: f32[]) -> (a: f32[], b: f32[], c: f32[], d: f32[], e: f32[]) {
  a = exp(x)
  b = round(x)
  c = tanh(x)
  d = log(x)
  e = erf(x)
}
network halves(x: f16[N, 13]) -> (y: bool[N, 13], z: f16[N, 13]) {
  param w: f16[13]
  y = x == w
  z = x * w
}
END
for network in scalars halves; do
    for level in 0 2; do
        "$nnc" verify "$folder/odd.nn" -network=$network -weights=random -targets=opencl -O$level >"$folder/log" 2>&1 ||
            fail "$network: $(cat "$folder/log")"
        ! grep -q OFF "$folder/log" || fail "$network: $(cat "$folder/log")"
    done
done
echo "opencl: all right"
