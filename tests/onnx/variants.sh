#!/usr/bin/env bash
# Writes the networks of networks/ to a folder, those on floats and on integers once for each element type.
#   variants.sh FOLDER
set -euo pipefail
from=$(dirname "$0")/networks
for type in f16 bf16 f32 f64; do
    for name in floats more_floats; do sed "s/\bf16\b/$type/g" "$from/$name.nn" >"$1/${name}_$type.nn"; done
done
for type in i8 u8 i16 i32 i64; do sed "s/\bi16\b/$type/g" "$from/integers.nn" >"$1/integers_$type.nn"; done
cp "$from"/{narrow,names,symbolic,sizes}.nn "$1"
