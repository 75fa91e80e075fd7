#!/usr/bin/env bash
# Kernels of every family for a GPU under Oclgrind: data races, uninitialized memory, bounds, barriers.
#   oclgrind.sh NNC FAMILY VENDORS      VENDORS: the folder whose .icd file names Oclgrind's driver
# Shapes are small, but have several groups, tails, and several chunks or elements for a work-item.
set -euo pipefail
nnc=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Without optimization: Oclgrind does not know all that LLVM makes. Programs must not come from a cache.
export OCL_ICD_VENDORS=$3 OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 OCLGRIND_BUILD_OPTIONS=-cl-opt-disable NNC_CACHE_DIR=
if ! "$nnc" devices | grep -q Oclgrind; then
    echo "no Oclgrind"
    exit 77
fi
# It says that it is a GPU with local memory of its own.
"$nnc" devices | grep -q 'Oclgrind.*-device=generic-gpu$' || { "$nnc" devices; exit 1; }

case $2 in
product)
    signature='(a: f32[37, 50], b: f32[50, 36], c: f32[2, 17, 21], d: f32[2, 21, 19], e: f32[130, 9], f: f32[9, 140]) '
    signature+='-> (y: f32[37, 36], z: f32[2, 17, 19], t: f32[130, 140])'
    body='y = matmul(a, b)
          z = relu(matmul(c, d))
          t = matmul(e, f)'
    kernels='matmul_37x36_k50 matmul_2x17x19_k21 matmul_130x140_k9'
    ;;
dense)
    signature='(a: f32[N, 30], q: f32[1, 70]) -> (y: f32[N, 20], z: f32[1, 12])'
    body='y = relu(dense(a, 20))
          z = dense(q, 12)'
    kernels='dense'
    ;;
convolution)
    signature='(x: f32[2, 8, 9, 10]) -> (y: f32[2, 20, 9, 10], z: f32[2, 12, 5, 5])'
    body='y = relu(conv2d(x, 20, kernel=3, pad=1))
          z = conv2d(x, 12, kernel=3, stride=2, pad=1)'
    kernels='conv2d'
    ;;
grouped)
    signature='(x: f32[1, 16, 9, 10]) -> (y: f32[1, 32, 9, 10], z: f32[1, 16, 9, 10])'
    body='y = conv2d(x, 32, kernel=3, pad=1, groups=2)
          z = conv2d(x, 16, kernel=3, pad=1, groups=16)'
    kernels='conv2d'
    ;;
reduction)
    signature='(x: f32[3, 300], y: f32[130, 5]) -> (a: f32[3], b: f32[5], c: f32[], d: f32[130])'
    body='a = reduce_mean(x, axes=[1])
          b = reduce_max(y, axes=[0])
          c = reduce_sum(x)
          d = reduce_min(y, axes=[1])'
    kernels='reduce'
    ;;
row)
    signature='(x: f32[5, 70], y: f32[40, 3]) -> (a: f32[5, 70], b: f32[40, 3], c: i64[5], d: i64[40])'
    body='a = softmax(x, axis=1)
          b = softmax(y, axis=0)
          c = argmax(x, axis=1)
          d = argmax(y, axis=1)'
    kernels='softmax argmax'
    ;;
element)
    signature='(x: f32[3, 10, 11], y: f16[300], z: f32[1, 4, 9, 9]) -> (a: f32[11, 10, 3], b: f16[300], c: f32[1, 4, 4, 4], d: f32[1, 4, 11, 12])'
    body='a = transpose(x)
          b = sigmoid(y)
          c = max_pool2d(z, 2)
          d = pad(z, [0, 0, 1, 1, 0, 0, 1, 2])'
    kernels='max_pool2d'
    ;;
*)
    echo "no family '$2'" >&2
    exit 2
    ;;
esac
printf 'network net%s {\n%s\n}\n' "$signature" "$body" >"$folder/net.nn"

inputs=()
for name in $(grep -o '[a-z]*: [a-z0-9]*\[' <<<"${signature%%->*}" | cut -d: -f1); do inputs+=(-input "$name=random"); done
bind=()
case $signature in *N*) bind=(-bind N=21) ;; esac
options=("$folder/net.nn" "${bind[@]}" -weights=random -target=opencl -device=generic-gpu)

"$nnc" "${options[@]}" -emit=opencl -o "$folder/net.cl"
for kernel in $kernels; do
    grep -q "__kernel void $kernel" "$folder/net.cl" || { echo "FAILED: no kernel $kernel" >&2; exit 1; }
done
if [ "$2" = product ]; then grep -Eq 'each=(1x)?[248]' "$folder/net.cl" || { echo "FAILED: no sums side by side" >&2; exit 1; }; fi
# A device that takes fewer work-items says so, and nothing crashes.
status=0
OCLGRIND_MAX_WGSIZE=16 "$nnc" run "${options[@]}" "${inputs[@]}" >"$folder/log" 2>&1 || status=$?
[ $status = 3 ] && grep -q 'work-items in a group, more than' "$folder/log" || { echo "status $status"; cat "$folder/log"; exit 1; }
"$nnc" run "${options[@]}" "${inputs[@]}" -check >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
grep -q ' agrees with' "$folder/log"
if grep -E 'DISAGREES|OCLGRIND|Invalid|Uninitialized|[Rr]ace|divergence' "$folder/log"; then
    cat "$folder/log"
    exit 1
fi
