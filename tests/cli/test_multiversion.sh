# -multiversion: one object with code for several levels of x86-64. What init picks for a processor gives the bits of an object for
# that level alone, weights are there once, and what the processor lacks is never executed.
. tests/cli/lib.sh

runtime=$(realpath "${3:?the library of the runtime}")
levels="x86-64-v2 x86-64-v3 x86-64-v4"
known=1 v2=2 v3=4 v4=8 # NN_CPU_*
[ "$(uname -m)" = x86_64 ] || exit 77

# ---- what does not go together ----

expect 2 "$NNC" examples/digits/cnn.nn -multiversion -mcpu=native -o "$TMP/x.o"; says "-multiversion does not go with -mcpu"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion -mattr=+avx2 -o "$TMP/x.o"; says "-multiversion does not go with -mattr"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion=native -o "$TMP/x.o"; says "'native' is no level"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion=x86-64-v9 -o "$TMP/x.o"; says "did you mean 'x86-64"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion=x86-64-v2,,x86-64-v3 -o "$TMP/x.o"; says "takes up to"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion=nehalem,x86-64-v2 -o "$TMP/x.o"; says "cannot be told apart"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion -mtriple=aarch64-linux-gnu -o "$TMP/x.o"; says "is for x86_64"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion -target=opencl -o "$TMP/x.c"; says "only cpu has"
expect 2 "$NNC" examples/digits/cnn.nn -multiversion -emit=loops; says "shows one version"
expect 2 "$NNC" run examples/digits/cnn.nn -multiversion; says "does not go with this command"
[ ! -e "$TMP/x.o" ] || fail "a refused command line wrote an object"

# ---- the object ----

compile() { # FILE OPTION...
    local file=$1
    shift
    expect 0 "$NNC" examples/digits/cnn.nn -prefix=cnn "$@" -o "$TMP/$file.o"
}
compile all -multiversion
compile turned -multiversion=x86-64-v4,x86-64-v2,x86-64-v3
cmp -s "$TMP/all.o" "$TMP/turned.o" || fail "the order of the list changes the object"
for level in $levels; do compile "$level" -mcpu="$level"; done
undefined=$(llvm-nm-19 --undefined-only --just-symbol-name "$TMP/all.o" | grep -vxE 'memcpy|memset|memmove')
[ -z "$undefined" ] || fail "the object needs: $undefined"
weight_bytes() { llvm-readelf-19 -SW "$1" | awk '$2 == ".rodata.weights" || $3 == ".rodata.weights" { for (i = 1; i < NF; i++) if ($i == "PROGBITS") print $(i + 3) }'; }
one=$(weight_bytes "$TMP/x86-64-v4.o") many=$(weight_bytes "$TMP/all.o")
[ -n "$one" ] && [ "$one" = "$many" ] || fail "weights: 0x$one bytes for one level, 0x$many for three"
expect 0 "$NNC" examples/digits/cnn.nn -multiversion -emit=asm -o "$TMP/all.s"
expect 0 "$NNC" examples/digits/cnn.nn -multiversion -weights-out=external -o "$TMP/external.o"
[ "$(stat -c %s "$TMP/external.weights")" -gt $((16#$many)) ] || fail "external weights are missing"

# init refuses a processor, so it must run on every one; so must what chooses.
any_processor() { # OBJECT FUNCTION
    local symbol
    symbol=$(llvm-nm-19 "$1" | awk -v f="cnn_$2__" '$2 == "T" && index($3, f) == 1 { print $3 }')
    llvm-objdump-19 -d --no-show-raw-insn --disassemble-symbols="$symbol" "$1" >"$TMP/code"
    grep -q ret "$TMP/code" || fail "$1 has no $2"
    grep -E '%[yz]mm|%k[0-7]|\sv[a-z]' "$TMP/code" && fail "$2 of $1 relies on a processor"
}
for function in init create context_bytes message destroy info; do
    any_processor "$TMP/all.o" $function
    any_processor "$TMP/x86-64-v4.o" $function
done
any_processor "$TMP/all.o" run

# ---- running ----

[ "$KIND" = sanitize ] && finish # the library needs the sanitizers' own then
for file in all $levels; do
    expect 0 cc -O1 -I runtime -I "$TMP" -DHEADER="\"$file.h\"" tests/versions/run.c "$TMP/$file.o" "$runtime" -lpthreadpool -lpthread -ldl -o "$TMP/run-$file"
done
# bits FILE FEATURES: what a program prints, as a file.
bits() { expect 0 "$TMP/run-$1" "$2"; mv "$TMP/out" "$TMP/bits-$1-$2"; echo "$TMP/bits-$1-$2"; }
same() { cmp -s "$1" "$2" || fail "$3"; }
features=$known
for level in $levels; do
    case $level in x86-64-v2) features=$((features | v2)) ;; x86-64-v3) features=$((features | v3)) ;; x86-64-v4) features=$((features | v4)) ;; esac
    # A level that this machine lacks is refused to its own object; the one with all runs something less.
    if "$TMP/run-$level" here >"$TMP/bits" 2>/dev/null; then
        same "$TMP/bits" "$(bits all $features)" "with the features of $level other code runs"
    fi
done
cmp -s "$TMP/bits-all-$((known | v2))" "$TMP/bits-all-$((known | v2 | v3))" && fail "the bits do not tell levels apart"
same "$(bits all 0)" "$TMP/bits-all-$((known | v2))" "where nothing is known of the processor, the least level does not run"
expect 1 "$TMP/run-all" $known

# Dot instructions for bf16 are for the level that has them; the others multiply the same roundings in f32.
bf16=$((16 | 32)) # with vnni
compile narrow -multiversion=x86-64-v2,x86-64-v4,cooperlake -precision=bf16
llvm-objdump-19 -d --no-show-raw-insn "$TMP/narrow.o" | grep -q vdpbf16ps || fail "no level has dot instructions"
expect 0 cc -O1 -I runtime -I "$TMP" -DHEADER='"narrow.h"' tests/versions/run.c "$TMP/narrow.o" "$runtime" -lpthreadpool -lpthread -ldl -o "$TMP/run-narrow"
features=$known
for level in x86-64-v2 x86-64-v4 cooperlake; do
    case $level in x86-64-v2) features=$((features | v2)) ;; x86-64-v4) features=$((features | v3 | v4)) ;; *) features=$((features | bf16)) ;; esac
    compile "narrow-$level" -mcpu=$level -precision=bf16
    expect 0 cc -O1 -I runtime -I "$TMP" -DHEADER="\"narrow-$level.h\"" tests/versions/run.c "$TMP/narrow-$level.o" "$runtime" -lpthreadpool -lpthread -ldl -o "$TMP/run-narrow-$level"
    "$TMP/run-narrow-$level" here >"$TMP/bits" 2>/dev/null || continue
    same "$TMP/bits" "$(bits narrow $features)" "in bf16, with the features of $level other code runs"
done

# On processors without it: an emulator stops at the first instruction that one does not have.
if command -v qemu-x86_64 >/dev/null; then
    expect 0 qemu-x86_64 -cpu Nehalem "$TMP/run-all" here
    same "$TMP/out" "$TMP/bits-all-$((known | v2))" "a processor without avx gives other bits"
    expect 1 qemu-x86_64 -cpu Nehalem "$TMP/run-x86-64-v3" here
    expect 1 qemu-x86_64 -cpu core2duo "$TMP/run-all" here
    expect 0 qemu-x86_64 -cpu Nehalem "$TMP/run-narrow" here
    same "$TMP/out" "$TMP/bits-narrow-$((known | v2))" "a processor without dot instructions gives other bits"
fi
finish
