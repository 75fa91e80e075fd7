# Output files appear whole or not at all, and the same input gives the same bytes anywhere.
. tests/cli/lib.sh

cnn=$PWD/examples/digits/cnn.nn
mkdir "$TMP/a" "$TMP/deeper" "$TMP/deeper/b"
(cd "$TMP/a" && expect 0 "$NNC" "$cnn" -mcpu=x86-64-v3)
cp -r examples "$TMP/deeper/b/examples"
(cd "$TMP/deeper/b" && LC_ALL=C.UTF-8 TZ=Asia/Tokyo expect 0 "$NNC" ./examples/digits/cnn.nn -mcpu=x86-64-v3 -o cnn.o)
cmp "$TMP/a/cnn.o" "$TMP/deeper/b/cnn.o" || fail "two compilations differ"
cmp "$TMP/a/cnn.h" "$TMP/deeper/b/cnn.h" || fail "two headers differ"
for kind in graph loops llvm asm so; do
    expect 0 "$NNC" "$cnn" -mcpu=x86-64-v3 -emit=$kind -o "$TMP/one"
    expect 0 "$NNC" "$cnn" -mcpu=x86-64-v3 -emit=$kind -o "$TMP/two"
    cmp "$TMP/one" "$TMP/two" || fail "-emit=$kind differs between two runs"
done

# No room: a limit on the size of files stands for a full disk.
echo old > "$TMP/kept.o"; echo old > "$TMP/kept.h"
(ulimit -f 8; expect 1 "$NNC" "$cnn" -o "$TMP/kept.o"; says "kept"; finish) || failures=$((failures + 1))
[ "$(cat "$TMP/kept.o" "$TMP/kept.h")" = "old
old" ] || fail "a failed compilation changed its outputs"
[ "$(ls -A "$TMP" | grep -c kept)" -eq 2 ] || fail "a failed compilation left files behind: $(ls -A "$TMP")"

# Killed at any moment: the output is the old one or the new one.
cp "$TMP/a/cnn.o" "$TMP/kept.o"
for delay in 0.01 0.03 0.05 0.08 0.1 0.15 0.2 0.3 0.4; do
    "$NNC" "$cnn" -mcpu=x86-64-v3 -o "$TMP/kept.o" >/dev/null 2>&1 &
    sleep $delay
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    cmp -s "$TMP/kept.o" "$TMP/a/cnn.o" || fail "killed after $delay s: the output is damaged"
done

# An output replaces no input and no other output.
cp examples/digits/mlp.nn "$TMP/mlp.nn"; cp examples/digits/mlp.safetensors "$TMP/mlp.safetensors"
for options in "-o $TMP/mlp.nn" "-o $TMP/./mlp.safetensors" "-emit=graph -o $TMP/mlp.nn" "-o $TMP/x.o -MF $TMP/mlp.nn" \
    "-quantize=delta:0.01 -report $TMP/mlp.nn -o $TMP/x.o" "-quantize=delta:0.01 -report $TMP/mlp.safetensors -o $TMP/x.o"; do
    expect 1 "$NNC" "$TMP/mlp.nn" $options
    says "it is an input of this command"
done
cp examples/digits/test_images.npy "$TMP/images.npy"
for file in mlp.nn mlp.safetensors images.npy; do
    expect 1 "$NNC" run "$TMP/mlp.nn" -input image="$TMP/images.npy" -output probs="$TMP/$file"
    says "it is an input of this command"
done
cmp "$TMP/images.npy" examples/digits/test_images.npy || fail "an output replaced an input"
cmp "$TMP/mlp.nn" examples/digits/mlp.nn || fail "an output replaced the source"
cmp "$TMP/mlp.safetensors" examples/digits/mlp.safetensors || fail "an output replaced the weights"
expect 2 "$NNC" "$TMP/mlp.nn" -o "$TMP/x.o" -MF "$TMP/x.o"; says "-o and -MF both name"
for options in "-MF $TMP/x.h -o $TMP/x.o" "-o $TMP/x.weights -weights-out=external" "-o $TMP/x.h"; do
    expect 1 "$NNC" "$TMP/mlp.nn" $options
    says "two outputs go there"
done

# A set of files: the dependency file names what was read.
expect 0 "$NNC" "$cnn" -o "$TMP/net.o" -MF "$TMP/net.d"
grep -q "net.o.*net.h.*:.*cnn.nn.*cnn.safetensors" "$TMP/net.d" || fail "the dependency file lacks something: $(cat "$TMP/net.d")"
expect 0 "$NNC" "$cnn" -o "$TMP/ext.o" -weights-out=external
[ "$(stat -c %s "$TMP/ext.o")" -lt "$(stat -c %s "$TMP/net.o")" ] || fail "external weights are still in the object"
finish
