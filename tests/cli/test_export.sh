# nnc export: what it writes satisfies the checker of the package onnx, for all examples and all operators.
. tests/cli/lib.sh

PYTHON=/usr/bin/python3
"$PYTHON" -c 'import onnx' 2>/dev/null || { echo "python3-onnx is missing" >&2; exit 77; }
mkdir "$TMP/models"

# exports NAME NETWORK OPTIONS...: as models/NAME.onnx
exports() {
    local name=$1
    shift
    expect 0 "$NNC" export "$@" -o "$TMP/models/$name.onnx"
}
for network in examples/*.nn; do
    exports "$(basename "$network" .nn)" "$network" -weights=random
done
exports all_ops tests/networks/all_ops.nn -weights=random
exports all_ops_bound tests/networks/all_ops.nn -weights=random -bind N=3

expect 0 "$PYTHON" tests/onnx/check.py "$TMP"/models/*.onnx

# The same input gives the same bytes.
expect 0 "$NNC" export tests/networks/all_ops.nn -weights=random -o "$TMP/again.onnx"
cmp -s "$TMP/again.onnx" "$TMP/models/all_ops.onnx" || fail "two exports differ"
finish
