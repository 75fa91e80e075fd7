# nnc export: models satisfy the package onnx for all examples, all operators and all element types; files and messages.
. tests/cli/lib.sh

PYTHON=/usr/bin/python3
"$PYTHON" -c 'import onnx' 2>/dev/null || { echo "python3-onnx is missing" >&2; exit 77; }
mkdir "$TMP/models" "$TMP/networks"

# exports NAME NETWORK OPTIONS...: as models/NAME.onnx
exports() {
    local name=$1
    shift
    expect 0 "$NNC" export "$@" -weights=random -o "$TMP/models/$name.onnx"
}
tests/onnx/variants.sh "$TMP/networks"
# Examples of up to 15 million parameters by README.md; tests/onnx/compare.py has the others, too.
examples=$(grep -oE '\(examples/[a-z0-9_]+\.nn\) \| [0-9,]+' README.md | tr -d '(),|' | awk '$2 <= 15000000 { print $1 }')
[ "$(wc -w <<<"$examples")" -ge 7 ] || fail "README.md lists few examples"
for network in $examples tests/networks/all_ops.nn "$TMP"/networks/*.nn; do
    exports "$(basename "$network" .nn)" "$network"
done
# With all sizes known, onnx has to infer every shape.
exports resnet18_bound examples/resnet18.nn -bind N=1
exports all_ops_bound tests/networks/all_ops.nn -bind N=3
exports symbolic_bound "$TMP/networks/symbolic.nn" -bind N=2 -bind T=3 -bind H=5 -bind W=4
exports external examples/resnet8.nn -weights-out=external
expect 0 "$PYTHON" tests/onnx/check.py "$TMP"/models/*.onnx

# The same input gives the same bytes, by either command.
expect 0 "$NNC" tests/networks/all_ops.nn -emit=onnx -weights=random -o "$TMP/again.onnx"
cmp -s "$TMP/again.onnx" "$TMP/models/all_ops.onnx" || fail "two exports differ"
expect 0 "$NNC" export tests/networks/all_ops.nn -weights=random -o -
cmp -s "$TMP/out" "$TMP/again.onnx" || fail "standard output got another model"

# Names: parameters by their paths, nodes by where they come from.
"$PYTHON" - "$TMP/models/resnet18.onnx" >"$TMP/names" <<'EOF'
import sys, onnx
graph = onnx.load(sys.argv[1]).graph
print(*[tensor.name for tensor in graph.initializer], *[node.name for node in graph.node])
print([(value.name, value.type.tensor_type.shape.dim[0].dim_param) for value in [*graph.input, *graph.output]])
EOF
for name in layer1.0.conv1.weight layer4.1.bn2.running_var layer2.0.conv1 layer2.0.downsample.1; do
    grep -qF " $name " "$TMP/names" || fail "nothing is called $name"
done
grep -qF "[('image', 'N'), ('logits', 'N')]" "$TMP/names" || fail "inputs or outputs have other names"

# Both files or none; dependency files name both.
(cd "$TMP" && expect 0 "$NNC" export "$OLDPWD/examples/resnet8.nn" -weights=random -weights-out=external -MF net.d)
grep -q '^resnet8.onnx resnet8.onnx.data: .*resnet8.nn$' "$TMP/net.d" || fail "the dependency file lacks a file"
mkdir "$TMP/net.onnx.data"
expect 1 "$NNC" export examples/resnet8.nn -weights=random -weights-out=external -o "$TMP/net.onnx"
[ ! -e "$TMP/net.onnx" ] || fail "the model was written without its weights"
expect 2 "$NNC" export examples/resnet8.nn -weights=random -weights-out=external -o -
says "needs an output file"
expect 2 "$NNC" examples/resnet8.nn -weights=random -quantize=delta:0.1 -emit=onnx
says "-quantize does not go with it"

# What a model cannot say.
refuses() { # refuses MESSAGE STATEMENT INPUT OUTPUT
    printf 'network net(x: %s) -> (y: %s) {\n  y = %s\n}\n' "$3" "$4" "$2" >"$TMP/net.nn"
    expect 1 "$NNC" export "$TMP/net.nn" -o "$TMP/refused.onnx"
    says "$1"
    says "net.nn:2:"
    [ ! -e "$TMP/refused.onnx" ] || fail "a model was written all the same"
}
refuses "no element type i4, which 'cast' yields here" 'cast(cast(x, i4), f32)' 'f32[4]' 'f32[4]'
refuses "cannot say 'max_pool2d' here" 'max_pool2d(x, 2)' 'i64[1, 1, 4, 4]' 'i64[1, 1, 2, 2]'
finish
