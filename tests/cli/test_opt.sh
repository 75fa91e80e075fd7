# Dumps of every example, at every stage: they read back to the same text, and any pass runs on them alone.
. tests/cli/lib.sh

passes=$("$NNC" -print-passes | awk '{print $1}')
for network in examples/digits/mlp.nn examples/digits/cnn.nn examples/resnet18.nn; do
    name=$(basename $network .nn)
    weights=examples/digits/$name.safetensors
    [ -e $weights ] || weights=random:1
    mkdir "$TMP/$name"
    expect 0 "$NNC" $network -weights=$weights -emit=graph -passes= -o "$TMP/$name/00-source.nnir"
    expect 0 "$NNC" $network -weights=$weights -emit=graph -o "$TMP/$name/99-last.nnir" -dump-ir -dump-dir="$TMP/$name"
    [ "$(ls "$TMP/$name"/*.nnir | wc -l)" -ge 12 ] || fail "$network: too few dumps"
    for dump in "$TMP/$name"/*.nnir; do
        # Constants of a dump in the middle have no side file: they stay names.
        expect 0 "$NNC" opt "$dump" -passes= -o "$TMP/again"
        cmp -s "$dump" "$TMP/again" || fail "$dump does not read back to the same text"
    done
    for pass in $passes; do
        for dump in 00-source 99-last; do
            expect 0 "$NNC" opt "$TMP/$name/$dump.nnir" -weights=$weights -passes=$pass -verify -o "$TMP/again"
            [ -s "$TMP/again" ] || fail "$pass on $dump of $network writes nothing"
        done
    done
    # One pass after the other, each in a process of its own, is the whole pipeline.
    cp "$TMP/$name/00-source.nnir" "$TMP/step.nnir"
    for pass in $passes; do
        expect 0 "$NNC" opt "$TMP/step.nnir" -weights=$weights -passes=$pass -o "$TMP/next.nnir"
        rm -f "$TMP/step.nnir.safetensors"
        mv "$TMP/next.nnir" "$TMP/step.nnir"
        [ ! -e "$TMP/next.nnir.safetensors" ] || mv "$TMP/next.nnir.safetensors" "$TMP/step.nnir.safetensors"
    done
    cmp -s "$TMP/step.nnir" "$TMP/$name/99-last.nnir" || fail "$network: the passes one by one give another graph: $(diff "$TMP/step.nnir" "$TMP/$name/99-last.nnir" | head -n 4)"
done
finish
