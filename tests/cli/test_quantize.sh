# Weights as integers by a fixed step: smaller objects, a report, and targets held to the quantized network.
. tests/cli/lib.sh
drivers_leak

mlp=examples/digits/mlp.nn
expect 0 "$NNC" $mlp -o "$TMP/f32.o"
expect 0 "$NNC" $mlp -quantize=delta:0.02 -o "$TMP/i8.o"
says "quantize: fc1"; says "i8"; says "dB"; says "quantize: total"
[ $((3 * $(stat -c %s "$TMP/i8.o"))) -lt "$(stat -c %s "$TMP/f32.o")" ] || fail "integers save too little"
for network in examples/digits/mlp.nn examples/digits/cnn.nn; do
    for delta in 0.02 0.001 0.00001; do # i8, i16, i32
        expect 0 "$NNC" verify $network -quantize=delta:$delta -report="$TMP/report" -n=4
        [ -s "$TMP/report" ] || fail "no report"
        [ ! -s "$TMP/err" ] || fail "the report went to standard error, too"
    done
done
expect 0 "$NNC" run $mlp -quantize=delta:0.02 -input image=random -check; says "agrees"
expect 1 "$NNC" $mlp -quantize=delta:1e-12 -o "$TMP/x.o"; says "use a step of at least"

# One layer, by an annotation; another kept.
sed -e 's/^  fc2/  @delta(0.05) fc2/' -e 's/^network/network/' $mlp > "$TMP/mlp.nn"
expect 0 "$NNC" verify "$TMP/mlp.nn" -weights=examples/digits/mlp.safetensors -n=2; says "fc2"
grep -q "fc1" "$TMP/err" && fail "a layer without annotation was quantized"
sed -e 's/^  fc2/  @keep_float fc2/' $mlp > "$TMP/mlp.nn"
expect 0 "$NNC" verify "$TMP/mlp.nn" -weights=examples/digits/mlp.safetensors -n=2 -quantize=delta:0.02; says "fc1"
grep -q "fc2.*i8" "$TMP/err" && fail "a layer with @keep_float was quantized"
finish
