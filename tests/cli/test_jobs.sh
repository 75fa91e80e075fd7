# -jobs=N: the bytes are the same for any number of threads that compile, and the parts of an object are joined into one that links
# and runs like any other.
. tests/cli/lib.sh

# same KIND OPTION...: what one thread writes, any number of them does.
same() {
    local kind=$1 jobs
    shift
    expect 0 "$NNC" examples/resnet8.nn -weights=random -bind N=1 "$@" -emit="$kind" -jobs=1 -o "$TMP/one"
    for jobs in -jobs=2 -jobs=5 ""; do
        expect 0 "$NNC" examples/resnet8.nn -weights=random -bind N=1 "$@" -emit="$kind" $jobs -o "$TMP/many"
        cmp "$TMP/one" "$TMP/many" || fail "-emit=$kind $* differs with ${jobs:-one thread for each core}"
    done
}
same obj
same so
same asm
same obj -O0
same obj -quantize=delta:0.01
same obj -mtriple=aarch64-linux-gnu
same obj -mtriple=riscv64-linux-gnu
[ "$(uname -m)" != x86_64 ] || same obj -multiversion

# Several modules, and one object all the same: one table of symbols, what the modules share is local.
expect 0 "$NNC" examples/resnet8.nn -weights=random -bind N=1 -o "$TMP/net.o"
expect 0 llvm-readelf-19 -SW "$TMP/net.o"
[ "$(grep -cE '[[:space:]]\.text[[:space:]]' "$TMP/out")" -gt 2 ] || fail "there is nothing to join"
[ "$(grep -cE '[[:space:]]\.symtab[[:space:]]' "$TMP/out")" -eq 1 ] || fail "not one table of symbols"
[ "$(grep -cF .note.GNU-stack "$TMP/out")" -eq 1 ] || fail "not one note on the stack"
expect 0 llvm-nm-19 --extern-only "$TMP/net.o"
! grep -vE ' T resnet8_|U mem(cpy|set|move)$' "$TMP/out" || fail "the object shows what its modules share"
expect 0 llvm-readelf-19 -sW "$TMP/net.o"
! grep -w HIDDEN "$TMP/out" || fail "a symbol of a module stayed hidden"
for linker in ld.lld-19 ld; do # relocatable: every symbol and relocation is read
    command -v $linker >/dev/null || continue
    expect 0 $linker -r "$TMP/net.o" -o "$TMP/relinked.o"
done
expect 0 "$NNC" run examples/resnet8.nn -weights=random -bind N=1 -input image=random -jobs=2 -check
expect 0 "$NNC" verify examples/resnet8.nn -weights=random -bind N=1 -targets=cpu -n=1

# ---- what the option takes ----

for bad in 0 -1 two 1x ""; do
    expect 2 "$NNC" examples/digits/mlp.nn "-jobs=$bad" -o "$TMP/x.o"
    says "-jobs takes a whole number from 1"
done
expect 2 "$NNC" devices -jobs=2; says "does not go with this command"
expect 0 "$NNC" examples/digits/mlp.nn -jobs=999999 -o "$TMP/x.o"; says "threads are used"
finish
