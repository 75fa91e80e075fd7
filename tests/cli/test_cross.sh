# The digit networks as aarch64 and riscv64 programs under qemu, and at every level of x86-64, are as right as here.
. tests/cli/lib.sh

images=examples/digits/test_images.npy labels=examples/digits/test_labels.npy
declare -A accuracy=([mlp]="99.72 %" [cnn]="99.44 %")
for network in mlp cnn; do
    expect 0 "$NNC" run examples/digits/$network.nn -target=reference -input image=$images -output probs="$TMP/$network.npy"
done

# score COMPILER EMULATOR OPTION...: compiles both networks for a machine and lets programs of its own count.
score() {
    local compiler=$1 emulator=$2 network
    shift 2
    for network in mlp cnn; do
        expect 0 "$NNC" examples/digits/$network.nn "$@" -o "$TMP/$network.o"
        expect 0 "$compiler" -static -O1 -I runtime -I "$TMP" -DNETWORK=$network -DHEADER="\"$network.h\"" -DOBJECT_BYTES=0 -DSERIAL -DRUNS=1 \
            -o "$TMP/score" examples/digits/score.c "$TMP/$network.o" runtime/status.c -lm
        expect 0 $emulator "$TMP/score" $images $labels "$TMP/$network.npy" 1
        prints "100.00 %"; prints "${accuracy[$network]}"
    done
}

for machine in aarch64 riscv64; do
    command -v qemu-$machine >/dev/null && command -v $machine-linux-gnu-gcc >/dev/null || { echo "skipped: no $machine tools"; continue; }
    score $machine-linux-gnu-gcc qemu-$machine -mtriple=$machine-linux-gnu
done
if [ "$(uname -m)" = x86_64 ]; then
    score cc "" -mcpu=x86-64-v2
    grep -qw avx2 /proc/cpuinfo && score cc "" -mcpu=x86-64-v3
    grep -qw avx512vl /proc/cpuinfo && score cc "" -mcpu=x86-64-v4
fi
finish
