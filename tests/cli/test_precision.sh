# Products in bf16: smaller objects, all targets held to the network with the same roundings, and what is refused.
. tests/cli/lib.sh
drivers_leak

for network in examples/digits/mlp.nn examples/digits/cnn.nn; do
    expect 0 "$NNC" $network -o "$TMP/f32.o"
    expect 0 "$NNC" $network -precision=bf16 -o "$TMP/bf16.o"
    for level in 0 2; do
        expect 0 "$NNC" verify $network -bind N=2 -precision=bf16 -O$level -n=2
    done
    for cpu in x86-64-v2 x86-64-v3 x86-64-v4; do
        expect 0 "$NNC" $network -precision=bf16 -mcpu=$cpu -mtriple=x86_64-linux-gnu -o "$TMP/x.o"
    done
done
expect 0 "$NNC" examples/digits/mlp.nn -o "$TMP/f32.o"
expect 0 "$NNC" examples/digits/mlp.nn -precision=bf16 -o "$TMP/bf16.o"
[ $((3 * $(stat -c %s "$TMP/bf16.o"))) -lt $((2 * $(stat -c %s "$TMP/f32.o"))) ] || fail "bf16 saves too little"
expect 0 "$NNC" run examples/digits/cnn.nn -precision=bf16 -input image=random -check; says "agrees"
expect 0 "$NNC" verify examples/resnet18.nn -weights=random -bind N=1 -precision=bf16 -targets=cpu -n=1
expect 0 "$NNC" bench examples/digits/mlp.nn -precision=bf16 -bind N=1 -seconds=0.1 -json
grep -q '"precision":.*"bf16"' "$TMP/out" || fail "bench does not name the precision"
expect 2 "$NNC" examples/digits/mlp.nn -precision=f16 -o "$TMP/x.o"; says "takes f32 or bf16"
finish
