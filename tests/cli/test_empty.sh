# An axis that a symbol leaves empty: what would take elements from it is refused, and reads nothing.
. tests/cli/lib.sh

cat > "$TMP/net.nn" <<'END'
network taken(table: f32[T, 4], rows: i32[N]) -> (y: f32[N, 4]) {
  y = relu(gather(table, rows))
}
network grown(x: f32[N, 1, T, 3]) -> (y: f32[N, 1, 4, 4]) {
  y = resize(x, [4, 4], mode="linear")
}
END
npy() { # FILE TYPE SHAPE
    local header="{'descr': '$2', 'fortran_order': False, 'shape': ($3), }"
    { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header"; head -c "$4" /dev/zero; } > "$TMP/$1"
}
npy empty.npy '<f4' '0, 4' 0
npy some.npy '<i4' '2,' 8
npy none.npy '<i4' '0,' 0
npy thin.npy '<f4' '2, 1, 0, 3' 0
for level in 0 2; do
    expect 1 "$NNC" run "$TMP/net.nn" -network=taken -O$level -input table="$TMP/empty.npy" -input rows="$TMP/some.npy"
    says "'y' has nothing to take elements from: T is 0"
    expect 0 "$NNC" run "$TMP/net.nn" -network=taken -O$level -input table="$TMP/empty.npy" -input rows="$TMP/none.npy" -check
    expect 1 "$NNC" run "$TMP/net.nn" -network=grown -O$level -input x="$TMP/thin.npy"
    says "'y' has nothing to take elements from: T is 0"
done
finish
