# Bad input of every kind gets a diagnostic and status 1, quickly and without much memory.
. tests/cli/lib.sh
[ "${2:-}" = sanitize ] || ulimit -v 4000000 # sanitizers reserve terabytes of address space

net() { printf '%s\n' "$@" > "$TMP/net.nn"; }
refused() { expect 1 "$NNC" "$TMP/net.nn" -weights=random -o "$TMP/net.o"; [ -s "$TMP/err" ] || fail "no message: $1"; [ ! -e "$TMP/net.o" ] || fail "output despite an error: $1"; }

head -c 5000 /dev/urandom > "$TMP/net.nn"; refused "random bytes"
head -c 100000 /dev/zero > "$TMP/net.nn"; refused "zeros"
: > "$TMP/net.nn"; refused "an empty file"
size=$(stat -c %s examples/resnet18.nn)
for bytes in $(seq 1 97 "$size"); do head -c "$bytes" examples/resnet18.nn > "$TMP/net.nn"; refused "the first $bytes bytes"; done
{ printf 'network a(x: f32[1]) -> (y: f32[1]) { y = '; head -c 200000 /dev/zero | tr '\0' '('; printf 'x\n}\n'; } > "$TMP/net.nn"; refused "200,000 parentheses"
{ printf 'network a(x: f32[1]) -> (y: f32[1]) { y = '; head -c 200000 /dev/zero | tr '\0' '-'; printf 'x\n}\n'; } > "$TMP/net.nn"; refused "200,000 signs"
{ printf 'network a(x: f32[1]) -> (y: f32[1]) { y = x'; yes ' + x' | head -n 100000 | tr -d '\n'; printf '\n}\n'; } > "$TMP/net.nn"
timeout 60 "$NNC" "$TMP/net.nn" -emit=graph -o "$TMP/net.o" >/dev/null 2>"$TMP/err"; status=$?; rm -f "$TMP/net.o"
[ $status -le 1 ] || fail "a sum of 100,000 terms: status $status"
net 'network a(x: f32[1]) -> (y: f32[1]) {' '  repeat i in 0..1000000000 {' '    x = relu(x)' '  }' '  y = x' '}'; refused "repeat of a billion"
net 'block f(x) {' '  return f(x)' '}' 'network a(x: f32[1]) -> (y: f32[1]) {' '  y = f(x)' '}'; refused "recursion"
net "import \"net.nn\"" 'network a(x: f32[1]) -> (y: f32[1]) {' '  y = x' '}'; refused "an import of itself"
net 'import "../../etc/passwd"' 'network a(x: f32[1]) -> (y: f32[1]) {' '  y = x' '}'; refused "an import from outside"
for dims in 9223372036854775807 2147483648,2147483648,2147483648 99999999999999999999 -1 0-5; do
    net "network a(x: f32[$dims]) -> (y: f32[$dims]) {" '  y = x + x' '}'; refused "dimensions $dims"
done
net 'network a(x: f32[1, 3, 8, 8]) -> (y: f32[1, 3, 8, 8]) {' '  y = max_pool2d(x, 2, stride=0)' '}'; refused "stride 0"
net 'network a(x: f32[1, 3, 8, 8]) -> (y: f32[1, 3, 8, 8]) {' '  y = max_pool2d(x, 2, stride=-1)' '}'; refused "stride -1"
net 'network a(x: f32[1, 3, 8, 8]) -> (y: f32[1, 3, 8, 8]) {' '  y = conv2d(x, 1000000000, kernel=100000)' '}'; refused "a kernel larger than the image"
net 'network a(x: f32[1, 4]) -> (y: f32[1, 4000000000000]) {' '  y = dense(x, 4000000000000)' '}'; refused "weights of terabytes"

# Weights
cp examples/digits/cnn.nn "$TMP/net.nn"
weights=examples/digits/cnn.safetensors
bad_weights() { expect 1 "$NNC" "$TMP/net.nn" -weights="$TMP/w.safetensors" -o "$TMP/net.o"; [ -s "$TMP/err" ] || fail "no message: $1"; }
size=$(stat -c %s $weights)
for bytes in 0 1 7 8 9 100 500 1000 $((size / 2)) $((size - 1)); do head -c "$bytes" $weights > "$TMP/w.safetensors"; bad_weights "weights cut to $bytes"; done
head -c 8 /dev/urandom > "$TMP/w.safetensors"; bad_weights "random head"
printf '\377\377\377\377\377\377\377\177{}' > "$TMP/w.safetensors"; bad_weights "a head of 2^63 bytes"
sed 's/data_offsets":\[0,/data_offsets":[9,/' $weights > "$TMP/w.safetensors"; bad_weights "an offset that lies"
sed 's/"F32"/"F64"/' $weights > "$TMP/w.safetensors"; bad_weights "a type that lies"
cp examples/digits/mlp.safetensors "$TMP/w.safetensors"; bad_weights "another network's weights"; says "conv1.weight"; says "conv2.bias"

# A weight that is no number is legal; what it touches is not a number either, here and in the reference.
cp $weights "$TMP/w.safetensors"
printf '\377\377\377\377' | dd of="$TMP/w.safetensors" bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
expect 0 "$NNC" run "$TMP/net.nn" -weights="$TMP/w.safetensors" -input image=random -check; prints "nan"; says "agrees"
expect 1 "$NNC" "$TMP/net.nn" -weights="$TMP/w.safetensors" -quantize=delta:0.1 -o "$TMP/net.o"; says "NaN"

# Inputs and dumps
for file in examples/digits/test_images.npy; do
    size=$(stat -c %s $file)
    for bytes in 0 5 10 60 127 128 $((size - 1)); do
        head -c "$bytes" $file > "$TMP/x.npy"
        expect 1 "$NNC" run examples/digits/cnn.nn -input image="$TMP/x.npy"; says "x.npy"
    done
done
expect 0 "$NNC" examples/digits/cnn.nn -emit=graph -o "$TMP/net.nnir"
size=$(stat -c %s "$TMP/net.nnir")
for bytes in $(seq 0 211 $((size - 2))); do head -c "$bytes" "$TMP/net.nnir" > "$TMP/cut.nnir"; expect 1 "$NNC" opt "$TMP/cut.nnir" -passes=dce; done
head -c 3000 /dev/urandom > "$TMP/noise.nnir"; expect 1 "$NNC" opt "$TMP/noise.nnir" -passes=dce

# Legal, though unusual
net 'network a(x: f32[2147483648]) -> (y: f32[2147483648]) {' '  y = relu(x) + 1' '}'; expect 0 "$NNC" "$TMP/net.nn" -o "$TMP/large.o"
net 'network a(x: f32[N, 0]) -> (y: f32[N, 0]) {' '  y = relu(x) + 1' '}'; expect 0 "$NNC" run "$TMP/net.nn" -input x=random -check
net 'network a(x: f32[N, 3]) -> (y: f32[N, 2]) {' '  y = dense(x, 2)' '}'; expect 0 "$NNC" verify "$TMP/net.nn" -weights=random -targets=cpu
finish
