# attention and norms as kernels of their own: odd lengths and heads, masks, every vector width, any number of threads.
. tests/cli/lib.sh

cat >"$TMP/heads.nn" <<'END'
# Heads of 20 and 13, keys of another length; a mask of keys, a bias of the scores, and a mask of pairs.
network heads(q: f32[N, 2, T, 20], k: f32[N, 2, S, 20], v: f32[N, 2, S, 13], kinds: i64[N, 1, 1, S], bias: f32[T, S])
    -> (a: f32[N, 2, T, 13], b: f32[N, T, 26], c: f32[N, 2, T, 13]) {
  keys = transpose(k, [0, 1, 3, 2])
  a    = matmul(softmax(where(kinds != 0, matmul(q, keys) / 4.0, -1e9)), v)
  b    = matmul(softmax(matmul(q * 0.3, keys) + bias), v) |> transpose([0, 2, 1, 3]) |> reshape([N, T, 26])
  c    = matmul(softmax(where(bias > 0.0, matmul(q * 0.2, keys), -1e9)), v)
}
network layers(x: f32[N, T, 24], z: f32[N, S, 24]) -> (a: f32[N, T, 24], b: f32[N, T, 24], c: f32[N, T, 24], d: f32[N, T, 24]) {
  a = multi_head_attention(x, heads=3, causal=true, name="a")
  b = multi_head_attention(x, heads=1, name="b")
  c = multi_head_attention(x, memory=z, heads=2, name="c")
  m = reduce_mean(x * x, [-1], keepdims=true)
  d = layer_norm(x, name="d") + x * rsqrt(m + 0.001)
}
END
sed -n '/^network layers/,$p' "$TMP/heads.nn" >"$TMP/layers.nn"
sed -i '/^network layers/,$d' "$TMP/heads.nn"

agrees() {
    expect 0 "$NNC" verify "$@" -weights=random -targets=cpu -n=1
    grep -q "agrees" "$TMP/out" || fail "nothing was compared: $*"
}
for network in heads layers; do
    for sizes in "1 1 1" "2 17 33" "1 21 300" "1 200 9" "2 3 0" "0 4 4"; do
        read -r n t s <<<"$sizes"
        agrees "$TMP/$network.nn" -bind N="$n" -bind T="$t" -bind S="$s"
    done
    agrees "$TMP/$network.nn"
    # Without known sizes, for other vectors.
    if [ "$(uname -m)" = x86_64 ]; then
        for cpu in x86-64 x86-64-v3; do agrees "$TMP/$network.nn" -mcpu=$cpu -bind N=1 -bind T=19 -bind S=9; done
    fi
done

# Products of pairs of bf16, where this processor has dots: odd heads, keys and tails.
for network in heads layers; do
    for sizes in "1 1 1" "2 17 33" "1 21 300" "2 3 0"; do
        read -r n t s <<<"$sizes"
        agrees "$TMP/$network.nn" -precision=bf16 -bind N="$n" -bind T="$t" -bind S="$s"
    done
done

# The order of the sums does not depend on the number of threads.
for precision in f32 bf16; do
    for threads in 1 2; do
        expect 0 "$NNC" run "$TMP/layers.nn" -weights=random -bind N=2 -bind T=150 -bind S=141 -threads=$threads \
            -precision=$precision -input x=random:1 -input z=random:2 -output a="$TMP/a$threads.npy" \
            -output b="$TMP/b$threads.npy" -output c="$TMP/c$threads.npy" -output d="$TMP/d$threads.npy"
    done
    for output in a b c d; do
        cmp "$TMP/${output}1.npy" "$TMP/${output}2.npy" || fail "$precision: threads decide the bits of $output"
    done
done
finish
