# run: targets, artifacts and what is printed.
. tests/cli/lib.sh
drivers_leak

cnn=examples/digits/cnn.nn images=examples/digits/test_images.npy
expect 0 "$NNC" run $cnn -target=reference -input image=$images -output probs="$TMP/reference.npy"
expect 0 "$NNC" run $cnn -input image=$images -output probs="$TMP/cpu.npy" -check
says "probs: agrees with the reference"
expect 0 "$NNC" run $cnn -input image=$images -output probs="$TMP/cpu1.npy" -threads=1
expect 0 "$NNC" run $cnn -input image=$images -output probs="$TMP/cpu2.npy" -threads=2
cmp "$TMP/cpu1.npy" "$TMP/cpu2.npy" || fail "one thread and two threads differ in bits"
expect 0 "$NNC" run $cnn -input image=random:7; prints "probs: f32[1, 10]"
cp "$TMP/out" "$TMP/first"
expect 0 "$NNC" run $cnn -input image=random:7
cmp "$TMP/out" "$TMP/first" || fail "the same seed gives two results"

# The same program as a loadable object.
expect 0 "$NNC" $cnn -emit=so -o "$TMP/cnn.so"
expect 0 "$NNC" run "$TMP/cnn.so" -input image=$images -output probs="$TMP/so.npy"
cmp "$TMP/cpu.npy" "$TMP/so.npy" || fail "the loaded object and the program in memory differ"
expect 0 "$NNC" bench "$TMP/cnn.so" -bind N=2 -n=5; prints "N = 2"

# Artifacts that were cut or edited are refused.
size=$(stat -c %s "$TMP/cnn.so")
for bytes in 0 10 63 64 1000 $((size / 2)) $((size - 1)); do
    head -c "$bytes" "$TMP/cnn.so" > "$TMP/cut.so"
    expect 1 "$NNC" run "$TMP/cut.so" -input image=$images; says "cannot load"
done
head -c "$size" /dev/urandom > "$TMP/noise.so"
expect 1 "$NNC" run "$TMP/noise.so" -input image=$images; says "cannot load"

# verify passes over sizes that the network cannot take, but not over all.
cat > "$TMP/sizes.nn" <<'END'
network five(x: f32[N, 1, H, W]) -> (y: f32[N, 1, H - 4, W - 4]) {
  y = max_pool2d(x, 5, stride=1)
}
network halves(x: f32[1, 1, H, W]) -> (y: f32[1, 1, H, W]) {
  y = resize(max_pool2d(x, 4), [H, W])
}
network hundred(x: f32[1, 1, H, W]) -> (y: f32[1, 1, H - 99, W - 99]) {
  y = max_pool2d(x, 100, stride=1)
}
END
expect 0 "$NNC" verify "$TMP/sizes.nn" -network=five -n=2; prints "agrees"
expect 0 "$NNC" verify "$TMP/sizes.nn" -network=halves -n=2; prints "agrees"
expect 1 "$NNC" verify "$TMP/sizes.nn" -network=hundred; says "-bind"
cat > "$TMP/vast.nn" <<'END'
network vast(x: f32[N, 1000000, 1000000]) -> (y: f32[N]) { y = reduce_sum(x, axes=[1, 2]) }
END
expect 1 "$NNC" verify "$TMP/vast.nn"; says "too large" # not: right where there is no image
expect 0 "$NNC" verify "$TMP/sizes.nn" -network=hundred -bind H=101 -bind W=100 -n=1; prints "agrees"

expect 0 "$NNC" bench $cnn -bind N=1 -n=5 -threads=1 -json
for key in target threads symbols precision median_ms p90_ms min_ms gflop gflops arena_bytes weight_bytes share_of_peak; do
    prints "\"$key\""
done
expect 0 "$NNC" info $cnn; prints "parameters 21840"; prints "conv1"
expect 0 "$NNC" info examples/digits/mlp.nn; prints "parameters 55050"
expect 0 "$NNC" info examples/resnet18.nn; prints "parameters 11689512"
finish
