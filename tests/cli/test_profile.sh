# bench -profile: what it prints, what it writes, and what it refuses.
. tests/cli/lib.sh
drivers_leak
export XDG_CACHE_HOME=$TMP/cache
unset NNC_CACHE_DIR

cnn=examples/digits/cnn.nn
expect 0 "$NNC" bench $cnn -bind N=2 -n=5 -threads=2 -profile -sort=order -trace="$TMP/trace.json" -plot="$TMP/roof.svg"
prints "limits    f32 FMA"; prints "between them"; prints "timer"; prints "f32 FMA   binds"
calls=$("$NNC" $cnn -bind N=2 -emit=loops -o - | grep -c "^call ")
rows=$(sed -n '/^layer /,$p' "$TMP/out" | sed 1d | grep -vc "^[c*]: ")
[ "$rows" -eq "$calls" ] || fail "$rows rows for $calls kernels"
awk 'length > 120' "$TMP/out" | grep -q . && fail "a line of the table is wider than 120 columns"
[ "$(grep -c "<circle" "$TMP/roof.svg")" -eq "$calls" ] || fail "not one dot a kernel"
grep -q traceEvents "$TMP/trace.json" || fail "no events in the trace"
ls "$TMP"/cache/nnc/limits-*.json >"$TMP/kept" 2>&1 || fail "no limits were kept"
expect 0 "$NNC" bench $cnn -bind N=1 -n=5 -threads=1 -profile -json; prints '"share_of_limit"'; prints '"far"'
expect 0 "$NNC" bench $cnn -n=5 -threads=1 -cold-weights; prints "copies of the weights in turn"
expect 2 "$NNC" bench $cnn -profile -sort=size; says "time or order"
expect 2 "$NNC" bench $cnn -plot=; says "needs a name"
expect 2 "$NNC" bench $cnn -bind N=1 -target=hls -n=1 -profile; says "report.txt"
expect 0 "$NNC" $cnn -emit=so -o "$TMP/cnn.so"
expect 2 "$NNC" bench "$TMP/cnn.so" -profile; says "not an artifact"

# Limits that cannot be kept are measured again.
export XDG_CACHE_HOME=/proc/nowhere
expect 0 "$NNC" bench $cnn -n=5 -threads=1; prints "f32 FMA limit"
finish
