# -jobs=N: the bytes are the same for any number of threads that compile, and the parts of an object are joined into one that links
# and runs like any other.
. tests/cli/lib.sh

# compile FILE OPTION...; same OPTION...: what one thread writes, two do, and one for each core.
compile() {
    local file=$1
    shift
    expect 0 "$NNC" examples/resnet8.nn -weights=random -bind N=1 "$@" -o "$TMP/$file"
}
same() {
    compile one "$@" -jobs=1
    compile two "$@" -jobs=2
    cmp "$TMP/one" "$TMP/two" || fail "$* differs with two threads"
}
same -emit=obj
compile many -emit=obj
cmp "$TMP/one" "$TMP/many" || fail "an object differs with one thread for each core"
same -emit=so
same -emit=obj -O0 -quantize=delta:0.01
same -emit=obj -mtriple=aarch64-linux-gnu
[ "$(uname -m)" != x86_64 ] || same -emit=obj -multiversion=x86-64-v2,x86-64-v4

# Several modules, and one object all the same: one table of symbols, what the modules share is local.
compile net.o
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

# ---- what the option takes ----

for bad in 0 -1 two 1x ""; do
    expect 2 "$NNC" examples/digits/mlp.nn "-jobs=$bad" -o "$TMP/x.o"
    says "-jobs takes a whole number from 1"
done
expect 2 "$NNC" devices -jobs=2; says "does not go with this command"
expect 0 "$NNC" examples/digits/mlp.nn -jobs=999999 -o "$TMP/x.o"; says "threads are used"
finish
