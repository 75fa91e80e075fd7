# Exit statuses and the messages that go with them.
. tests/cli/lib.sh

cnn=examples/digits/cnn.nn
expect 2 "$NNC";                         says "no input file"
expect 0 "$NNC" -help;                   prints "nnc compiles neural networks"; prints "exit status"
expect 0 "$NNC" run --help;              prints "usage: nnc run"; prints "examples:"
for command in bench verify info opt devices; do expect 0 "$NNC" $command -help; prints "examples:"; done
expect 0 "$NNC" -version;                prints "nnc "
expect 0 "$NNC" -print-passes;           prints "fold-batch-norm"
expect 0 "$NNC" -print-ops;              prints "conv2d"
expect 0 "$NNC" devices;                 prints "cpu"; prints "reference"
expect 2 "$NNC" $cnn -emitt=graph;       says "did you mean '-emit'"
expect 2 "$NNC" $cnn -emit=nonsense;     says "cannot write 'nonsense'"
expect 2 "$NNC" $cnn -target=abacus;     says "no target is called 'abacus'"
expect 2 "$NNC" $cnn -passes=dce,nosuch; says "no pass is called 'nosuch'"
expect 2 "$NNC" $cnn -dump-ir=after:no;  says "no pass is called 'no'"
expect 2 "$NNC" $cnn -O7;                says "-O takes 0 to 3"
expect 2 "$NNC" $cnn -bind N=many;       says "whole number"
expect 2 "$NNC" $cnn -bind N=-1;         says "negative"
expect 2 "$NNC" $cnn -bind N;            says "-bind takes"
expect 2 "$NNC" $cnn -bind N=1 -bind N=2; says "-bind gives N two values, '1' and '2'"
expect 0 "$NNC" $cnn -bind N=2 -bind N=2 -o "$TMP/net.o"
expect 2 "$NNC" run $cnn -input image=a.npy -input image=b.npy; says "-input gives image two values"
for option in o MF report dump-dir; do expect 2 "$NNC" $cnn -$option ''; says "-$option needs a name"; done
expect 2 "$NNC" $cnn -quantize=delta:0.1 -o "$TMP/x" -report "$TMP/x"; says "-o and -report both name"
expect 2 "$NNC" $cnn -o "$TMP/x.o" -mattr=+nonsense; says "x86_64 has no feature 'nonsense'"
expect 2 "$NNC" $cnn -o "$TMP/x.o" -mattr=+avx2,-avx51f; says "did you mean 'avx512f'"
expect 2 "$NNC" $cnn -o "$TMP/x.o" -mtriple=x86_64-linux-gnu -mcpu=x86-64-v3 -mattr=+avx512f; says "needs 'avx512vl' too"
expect 0 "$NNC" $cnn -o "$TMP/x.o" -mtriple=x86_64-linux-gnu -mcpu=x86-64-v3 -mattr=+avx512f,+avx512vl
expect 2 "$NNC" $cnn -o "$TMP/x.o" -mattr=avx2; says "expected a list"
expect 2 "$NNC" $cnn -o "$TMP/x.o" -mtriple=aarch64-linux-gnu -mattr=+avx2; says "aarch64 has no feature 'avx2'"
expect 0 "$NNC" $cnn -o "$TMP/x.o" -mcpu=x86-64-v3 -mattr=-fma,+avxvnni; [ ! -s "$TMP/err" ] || fail "$(cat "$TMP/err")"
expect 2 "$NNC" $cnn -quantize=delta:0;  says "D > 0"
expect 2 "$NNC" $cnn -precision=f8;      says "takes f32 or bf16"
expect 2 "$NNC" $cnn -mcpu=z80;          says "z80"
expect 2 "$NNC" $cnn -device=gpu;         says "-mcpu"
expect 2 "$NNC" $cnn -mtriple=pdp11-dec; says "pdp11"
expect 2 "$NNC" $cnn -prefix=1x;         says "C identifier"
expect 2 "$NNC" $cnn a.nn;               says "more than one input file"
expect 2 "$NNC" run $cnn -threads=0;     says "whole number"
expect 2 "$NNC" run $cnn -emit=obj;      says "does not go with this command"
expect 2 "$NNC" verify $cnn -targets=;   says "names no target"
expect 2 "$NNC" devices $cnn;            says "takes no file"
expect 2 "$NNC" opt x.nnir;              says "-passes"
expect 1 "$NNC" nowhere.nn;              says "nowhere.nn"
expect 1 "$NNC" tests;                   says "tests"
expect 1 "$NNC" $cnn -weights=nowhere.safetensors; says "nowhere.safetensors"
expect 1 "$NNC" examples/resnet18.nn -o "$TMP/r.o"; says "-weights=random"
expect 1 "$NNC" $cnn -network=cn;       says "did you mean 'cnn'"
expect 1 "$NNC" $cnn -bind M=1;          says "M"
expect 1 "$NNC" run $cnn;                says "inputs are missing"
expect 1 "$NNC" run $cnn -input imgae=x.npy; says "did you mean 'image'"
expect 1 "$NNC" run $cnn -input image=nowhere.npy; says "nowhere.npy"
expect 1 "$NNC" run $cnn -input image=examples/digits/test_labels.npy; says "image"
expect 1 "$NNC" run nowhere.so;          says "cannot load"
expect 1 "$NNC" run "$NNC.so";           says "cannot load"
expect 1 "$NNC" $cnn -o /nonexistent/x.o; says "/nonexistent"
expect 1 "$NNC" $cnn -o /dev/full;       says "No space left"
# More threads than the cores can use would be slow to start and faster never.
start=$(date +%s)
expect 0 "$NNC" run $cnn -input image=random -threads=1000000
says "-threads=1000000: $((4 * $(getconf _NPROCESSORS_ONLN))) threads are used, 4 for each core"
[ $(($(date +%s) - start)) -lt 20 ] || fail "a million threads take $(($(date +%s) - start)) s"
# LLVM's features are those of its own list.
if command -v llc-19 >/dev/null; then
    for arch in x86-64 aarch64 riscv64; do
        llc-19 -march=$arch -mattr=help </dev/null 2>&1 | sed -n '/Available features/,$ s/^  \([^ ]*\) *- .*/\1/p' | LC_ALL=C sort -u >"$TMP/theirs"
        sed -n "/\*const ${arch/-/_}\[\]/,/};/p" codegen/cpu/llvm_features.c | grep -o '"[^"]*"' | tr -d '"' | LC_ALL=C sort -u >"$TMP/ours"
        [ -s "$TMP/theirs" ] && cmp "$TMP/theirs" "$TMP/ours" || fail "codegen/cpu/llvm_features.c is not LLVM's list for $arch"
    done
fi
finish
