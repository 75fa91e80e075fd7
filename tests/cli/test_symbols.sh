# Objects for every architecture and level need nothing but memcpy, memset and memmove, and export only the interface; kernels with
# costly functions compute in vectors alone.
. tests/cli/lib.sh

check() { # OBJECT PREFIX
    local undefined extra
    undefined=$(llvm-nm-19 --undefined-only --just-symbol-name "$1" | grep -vxE 'memcpy|memset|memmove')
    [ -z "$undefined" ] || fail "$1 needs: $undefined"
    extra=$(llvm-nm-19 --extern-only --defined-only --just-symbol-name "$1" | grep -vE "^$2_(context_bytes|init|create|run|destroy|info|message)__nn1_[0-9a-f]{16}$")
    [ -z "$extra" ] || fail "$1 exports: $extra"
}

for network in examples/digits/cnn.nn tests/networks/all_ops.nn; do
    for options in -mcpu=x86-64-v2 -mcpu=x86-64-v3 -mcpu=x86-64-v4 -mcpu=sapphirerapids -mtriple=aarch64-linux-gnu -mtriple=riscv64-linux-gnu; do
        for more in "-bind N=1" ""; do
            expect 0 "$NNC" $network ${options/-mcpu/-mtriple=x86_64-linux-gnu -mcpu} $more -weights=random -o "$TMP/net.o"
            check "$TMP/net.o" "$(basename $network .nn)"
        done
    done
done

# Every example for the level that lacks most instructions, and so would be the first to call a library. BERT's and GPT-2's
# operators are in ViT and all_ops; their weights would take most of the time.
for network in examples/*.nn; do
    case $network in */bert_base.nn | */gpt2.nn) continue ;; esac
    expect 0 "$NNC" "$network" -mtriple=x86_64-linux-gnu -mcpu=x86-64-v2 -bind N=1 -weights=random -weights-out=external -prefix=example -o "$TMP/example.o"
    check "$TMP/example.o" example
done

# scalars MOST EXPRESSION: no kernel of it has more than that many instructions that compute on one f32.
scalars() {
    local most=$1 cpu count
    printf 'network net(x: f32[32, 96]) -> (y: f32[32, 96]) {\n  y = %s\n}\n' "$2" >"$TMP/scalars.nn"
    for cpu in x86-64-v2 x86-64-v3 x86-64-v4; do
        expect 0 "$NNC" "$TMP/scalars.nn" -mtriple=x86_64-linux-gnu -mcpu=$cpu -weights=random -emit=asm -o "$TMP/scalars.s"
        count=$(grep -cE '^\s+v?(add|sub|mul|div|sqrt|max|min|fn?m(add|sub)[0-9]+)ss\s' "$TMP/scalars.s")
        [ "$count" -le "$most" ] || fail "$2 for $cpu has $count scalar instructions"
    done
}
for function in exp log tanh sigmoid erf silu gelu rsqrt; do scalars 0 "$function(x)"; done
scalars 0 "pow(x, 2.5)"
scalars 2 "softmax(x, axis=1)" # a row's sum and its inverse

# Windows over plain images: neighbours are loaded together and shuffled, not gathered.
printf 'network net(x: f32[1, 4, 40, 64]) -> (y: f32[1, 4, 20, 32]) {\n  y = max_pool2d(x, 3, stride=2, pad=1)\n}\n' >"$TMP/pool.nn"
for cpu in x86-64-v2 x86-64-v3 x86-64-v4; do
    expect 0 "$NNC" "$TMP/pool.nn" -mtriple=x86_64-linux-gnu -mcpu=$cpu -emit=asm -o "$TMP/pool.s"
    ! grep -qE 'gather|maxss' "$TMP/pool.s" || fail "pooling for $cpu gathers or computes one by one"
done

expect 0 "$NNC" examples/digits/cnn.nn -emit=so -o "$TMP/net.so"
exported=$(llvm-nm-19 -D --defined-only --just-symbol-name "$TMP/net.so")
[ "$exported" = nn_network_entry ] || fail "net.so exports: $exported"
finish
