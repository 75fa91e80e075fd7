# Axes that symbols leave empty, or less: what would take elements from one is refused in the same words by every target, and reads
# nothing.
. tests/cli/lib.sh
drivers_leak

cat > "$TMP/net.nn" <<'END'
network taken(table: f32[T, 4], rows: i32[N]) -> (y: f32[N, 4]) {
  y = relu(gather(table, rows))
}
network grown(x: f32[N, 1, T, 3]) -> (y: f32[N, 1, 4, 4]) {
  y = resize(x, [4, 4], mode="linear")
}
network less(x: f32[1, 1, H, W]) -> (y: f32[1, 2]) {
  y = reduce_sum(conv2d(x, 2, 3), axes=[2, 3])
}
END
npy() { # FILE TYPE SHAPE BYTES
    local header="{'descr': '$2', 'fortran_order': False, 'shape': ($3), }"
    { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header"; head -c "$4" /dev/zero; } > "$TMP/$1"
}
npy table.npy '<f4' '3, 4' 48
npy empty.npy '<f4' '0, 4' 0
npy some.npy '<i4' '2,' 8
npy none.npy '<i4' '0,' 0
npy thin.npy '<f4' '2, 1, 0, 3' 0
npy pixel.npy '<f4' '1, 1, 1, 1' 4
targets=cpu
"$NNC" devices | grep -q '^opencl .*units' && targets="cpu opencl"
for target in $targets; do
    for level in 0 2; do
        run=("$NNC" run "$TMP/net.nn" -target=$target -O$level)
        expect 1 "${run[@]}" -network=taken -input table="$TMP/empty.npy" -input rows="$TMP/some.npy"
        says "an argument is invalid: run: 'y' has nothing to take elements from: T is 0"
        expect 0 "${run[@]}" -network=taken -input table="$TMP/empty.npy" -input rows="$TMP/none.npy" -check
        expect 0 "${run[@]}" -network=taken -input table="$TMP/table.npy" -input rows="$TMP/some.npy" -check
        expect 1 "${run[@]}" -network=grown -input x="$TMP/thin.npy"
        says "an argument is invalid: run: 'y' has nothing to take elements from: T is 0"
        # Two sizes below zero, whose product is not.
        expect 1 "${run[@]}" -network=less -weights=random -input x="$TMP/pixel.npy"
        says "an argument is invalid: run: dimension H - 2 of layer 'y' is negative"
    done
done
# Sizes that a network cannot take are passed over; the others are compared on every target that runs here.
expect 0 "$NNC" verify "$TMP/net.nn" -network=taken
for target in $targets; do prints "$(printf '%-10s y                agrees' $target)"; done
finish
