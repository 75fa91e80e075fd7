# networks: those of examples/ have the parameters that were published, and README.md says so.
. tests/cli/lib.sh

# parameters NETWORK COUNT: the count as people write it. One pass does for it.
counted=0
parameters() {
    counted=$((counted + 1))
    expect 0 "$NNC" info "examples/$1.nn" -weights=random -bind N=1 -passes=decompose
    grep -qE "^  parameters ${2//,/}( |\$)" "$TMP/out" || fail "$1 has other parameters than $2"
    grep -qF "| [$1](examples/$1.nn) | $2 |" README.md || fail "README.md lacks $1 with its $2 parameters"
}
parameters resnet18 11,689,512
parameters resnet50 25,557,032
parameters mobilenet_v2 3,504,872
parameters efficientnet_b0 5,288,548
parameters vit_b_16 86,567,656
parameters unet 31,037,698
parameters bert_base 109,482,240
parameters gpt2 124,439,808
parameters resnet8 78,186
parameters ds_cnn 23,756
parameters autoencoder 267,928
parameters keyword_mlp 79,644
[ "$(ls examples/*.nn | grep -vc walkthrough)" -eq "$counted" ] || fail "a network of examples/ is not counted here"

# A U-Net's text says that other sides will do.
if [ "$KIND" = plain ]; then
    sed 's/256, 256/32, 48/g' examples/unet.nn >"$TMP/unet.nn"
    expect 0 "$NNC" verify "$TMP/unet.nn" -weights=random -bind N=2 -n=1 -targets=cpu
    prints "agrees"
fi

# most NETWORK CALLS MEETINGS: an image's network at N=1 calls at most so many kernels, and threads meet at most so
# often. Borders are written by the kernel before, activations behind their convolution, remainders beside the rest.
# Activations take little more memory than those that are alive at once.
number() { sed -n "s/.*\"$1\":[^0-9]*\([0-9]*\).*/\1/p" "$TMP/out"; }
most() {
    expect 0 "$NNC" info "examples/$1.nn" -weights=random -bind N=1 -mtriple=x86_64-linux-gnu -mcpu=x86-64-v4 -json
    [ "$(number kernels)" -le "$2" ] || fail "$1 calls $(number kernels) kernels, more than $2"
    [ "$(number regions)" -le "$3" ] || fail "$1: threads meet $(number regions) times, more than $3"
    [ $((100 * $(number activation_bytes))) -le $((105 * $(number activation_bytes_alive))) ] ||
        fail "$1: activations take $(number activation_bytes) bytes, of which $(number activation_bytes_alive) are alive"
}
most resnet50 57 57
most mobilenet_v2 55 54
most efficientnet_b0 116 75
most resnet8 16 12
most ds_cnn 13 9
most unet 40 44

# Identical layers are compiled once: a small version of a network has the same kernels with twelve layers as with three.
kernels() {
    sed "s/0\.\.12/0..$2/; s/30522\|50257/100/g; s/3072/192/g; s/768/96/g" "examples/$1.nn" >"$TMP/$1.nn"
    expect 0 "$NNC" "$TMP/$1.nn" -weights=random -emit=loops
    grep -o '^kernel "[^"]*"\|^kernel [^ (]*' "$TMP/out" >"$TMP/kernels.$2"
    grep -c '^ *call ' "$TMP/out" >"$TMP/calls.$2"
}
for network in bert_base gpt2; do
    kernels $network 3
    kernels $network 12
    [ -s "$TMP/kernels.3" ] && diff "$TMP/kernels.3" "$TMP/kernels.12" >&2 || fail "$network: twelve layers have other kernels than three"
    # A layer: queries, keys and values; attention; its output and the sum; a norm; two products; another norm.
    layer=$((($(cat "$TMP/calls.12") - $(cat "$TMP/calls.3")) / 9))
    [ "$layer" -eq 7 ] || fail "$network: a layer has $layer kernels instead of 7"
    # They are single parallel loops, and nothing runs between them.
    regions=$(awk '/^kernel /{name = $2; sub(/\(.*/, "", name)} /^  parallel /{regions[name]++}
        /^call /{name = $2; sub(/\(.*/, "", name); sum += regions[name]} END{print sum}' "$TMP/out")
    [ "$regions" -le $((12 * 8 + 8)) ] || fail "$network: twelve layers start $regions parallel regions"
done

# A table that tokens are looked up in and that the last product multiplies with is stored once.
sed 's/0\.\.12/0..1/; s/50257/5000/g; s/768/96/g; s/1024/64/' examples/gpt2.nn >"$TMP/tied.nn"
expect 0 "$NNC" info "$TMP/tied.nn" -weights=random
weights=$(sed -n 's/.*weights: \([0-9]*\) bytes.*/\1/p' "$TMP/out")
parameters=$(sed -n 's/^  parameters \([0-9]*\).*/\1/p' "$TMP/out")
[ $((weights * 10)) -lt $((parameters * 4 * 12)) ] || fail "gpt2: $parameters parameters take $weights bytes"
finish
