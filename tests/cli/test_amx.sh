# The innermost loop of a product on matrix tiles: as many loads as products, no configuration, nothing spilled.
. tests/cli/lib.sh

cat >"$TMP/net.nn" <<'EOF'
network net(x: f32[512, 512]) -> (y: f32[512, 512]) {
  y = dense(x, 512, bias=false)
}
EOF
expect 0 "$NNC" "$TMP/net.nn" -weights=random -precision=bf16 -mcpu=sapphirerapids \
    -mtriple=x86_64-linux-gnu -emit=loops
prints 'matrix=2x2x32'
expect 0 "$NNC" "$TMP/net.nn" -weights=random -weights-out=external -precision=bf16 -mcpu=sapphirerapids \
    -mtriple=x86_64-linux-gnu -emit=asm -o "$TMP/net.s"

# From each label to the jump back to it, the lines of the loop that multiplies: its instructions of AMX, counted.
awk '/^\.L[A-Za-z0-9_]*:/ { label = $1; sub(":", "", label); body = "" }
     { body = body " " $1 }
     $1 ~ /^j/ && $2 == label && body ~ /tdpbf16ps/ { print body }' "$TMP/net.s" >"$TMP/loop"
[ "$(wc -l <"$TMP/loop")" -eq 1 ] || fail "there is not one loop that multiplies tiles"
count() { tr ' ' '\n' <"$TMP/loop" | grep -c "^$1"; }
[ "$(count tdpbf16ps)" -eq 4 ] || fail "the loop has $(count tdpbf16ps) products"
[ "$(count tileloadd)" -eq 4 ] || fail "the loop loads $(count tileloadd) tiles"
[ "$(count 'tile[srz]')" -eq 0 ] || fail "the loop stores tiles"
[ "$(count ldtilecfg)" -eq 0 ] || fail "the loop configures tiles"
[ "$(grep -c 'ldtilecfg' "$TMP/net.s")" -eq 1 ] || fail "tiles are configured more than once a part"

# What processors with AMX have besides, and no others: products in bf16 do without.
grep -E '	v[a-z0-9]*(ph|sh)	' "$TMP/net.s" | grep -qv vcvt && fail "arithmetic of f16 in code for bf16"
finish
