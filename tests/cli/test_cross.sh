# The digit networks as aarch64 and riscv64 programs under qemu are as right as here.
. tests/cli/lib.sh

images=examples/digits/test_images.npy labels=examples/digits/test_labels.npy
expect 0 "$NNC" run examples/digits/cnn.nn -target=reference -input image=$images -output probs="$TMP/reference.npy"
for machine in aarch64 riscv64; do
    command -v qemu-$machine >/dev/null && command -v $machine-linux-gnu-gcc >/dev/null || { echo "skipped: no $machine tools"; continue; }
    expect 0 "$NNC" examples/digits/cnn.nn -mtriple=$machine-linux-gnu -o "$TMP/cnn.o"
    expect 0 $machine-linux-gnu-gcc -static -O1 -I runtime -I "$TMP" -DNETWORK=cnn -DHEADER='"cnn.h"' -DOBJECT_BYTES=0 -DSERIAL -DRUNS=1 -o "$TMP/score" \
        examples/digits/score.c "$TMP/cnn.o" runtime/status.c -lm
    expect 0 qemu-$machine "$TMP/score" $images $labels "$TMP/reference.npy" 1
    prints "100.00 %"; prints "99.44 %"
done
finish
