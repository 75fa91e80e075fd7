# tests/networks/all_ops.nn uses every operator of the table that a text can name, and is right.
. tests/cli/lib.sh

expect 0 "$NNC" tests/networks/all_ops.nn -weights=random -passes= -emit=graph -o "$TMP/graph"
for op in $(grep -oE '^OP\([a-z0-9_]+' ir/ops.def | sed 's/OP(//'); do
    case $op in relayout | fused) continue ;; esac # made by passes only
    grep -qE " = $op[ (]" "$TMP/graph" || fail "operator $op is not used"
done
for level in 0 1 2 3; do
    expect 0 "$NNC" verify tests/networks/all_ops.nn -targets=cpu -weights=random -O$level
done
expect 0 "$NNC" verify tests/networks/all_ops.nn -targets=cpu -weights=random -fp=fast
finish
