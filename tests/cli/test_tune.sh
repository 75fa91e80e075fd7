# nnc tune and -tune: what is measured, what is written, and what compilations make of it.
. tests/cli/lib.sh

cnn=examples/digits/cnn.nn

# A second is enough for some contractions at least; called again it goes on and keeps what it has.
tune() { expect 0 "$NNC" tune $cnn -bind N=1 -threads=1 -o "$TMP/cnn.tune" "$@"; }
tune -seconds=2
prints "contractions measured"; prints "a run: "
head -n 1 "$TMP/cnn.tune" | grep -qx "nnc-tune 1" || fail "the file does not say what it is"
grep -qx "threads 1" "$TMP/cnn.tune" || fail "the file does not say for how many threads"
cut -d '#' -f 1 "$TMP/cnn.tune" >"$TMP/first"
tune -minutes=1
head -n "$(wc -l <"$TMP/first")" "$TMP/cnn.tune" | cut -d '#' -f 1 | diff - "$TMP/first" >&2 || fail "what was measured changed"
[ "$(grep -c -- ' -> ' "$TMP/cnn.tune")" -eq 6 ] || fail "not all contractions are in the file"
cp "$TMP/cnn.tune" "$TMP/kept"
tune; prints " 0 plans tried"
tune -fresh -seconds=0.001; prints "stopped before the end"
[ "$(grep -c -- ' -> ' "$TMP/cnn.tune")" -eq 0 ] || fail "-fresh kept plans"
cp "$TMP/kept" "$TMP/cnn.tune"

# Interrupted, it leaves a file that can be read.
"$NNC" tune $cnn -bind N=1 -threads=1 -fresh -o "$TMP/broken.tune" >"$TMP/out" 2>"$TMP/err" &
sleep 0.3; kill -INT $!; wait $! || fail "status $? after an interrupt"
[ ! -e "$TMP/broken.tune" ] || expect 0 "$NNC" $cnn -bind N=1 -tune="$TMP/broken.tune" -o "$TMP/b.o"

# Compiled with it: all plans are used, results agree, the same command gives the same bytes.
expect 0 "$NNC" $cnn -bind N=1 -tune="$TMP/cnn.tune" -o "$TMP/a.o" -MF "$TMP/a.d"
[ ! -s "$TMP/err" ] || fail "a warning about a file that fits: $(cat "$TMP/err")"
grep -q "cnn.tune" "$TMP/a.d" || fail "the dependency file lacks the tuning file"
cp "$TMP/a.o" "$TMP/first.o"
expect 0 "$NNC" $cnn -bind N=1 -tune "$TMP/cnn.tune" -o "$TMP/a.o"
cmp -s "$TMP/a.o" "$TMP/first.o" || fail "the same command gives other bytes"
expect 0 "$NNC" run $cnn -tune="$TMP/cnn.tune" -bind N=1 -input image=random -check
expect 0 "$NNC" bench $cnn -tune="$TMP/cnn.tune" -bind N=1 -n=5 -threads=1

# A plan that a file asks for is the plan that is built; the first of two files wins.
forced='vector=none tile=ow:2 unroll=1'
sed "s/^\(max .*oh=12 .*\) -> .*/\1 -> $forced/" "$TMP/cnn.tune" >"$TMP/forced.tune"
loops() { expect 0 "$NNC" $cnn -bind N=1 -emit=loops -o - "$@"; }
loops -tune="$TMP/forced.tune"; prints "$forced"
loops -tune="$TMP/forced.tune" -tune="$TMP/cnn.tune"; prints "$forced"
loops -tune="$TMP/cnn.tune" -tune="$TMP/forced.tune"
grep -qF -- "$forced" "$TMP/out" && fail "the second file's plan was taken"

# Plans that do not fit, and those for other layers, are counted in one warning.
without() { loops; cp "$TMP/out" "$TMP/plain"; loops -tune="$1"; cmp -s "$TMP/out" "$TMP/plain"; }
sed "s/ -> .*/ -> vector=none tile=ow:999 unroll=1/" "$TMP/cnn.tune" >"$TMP/misfit.tune"
without "$TMP/misfit.tune" || fail "plans that do not fit change the program"
says "6 of the 6 plans in '$TMP/misfit.tune' are not used: 0 for contractions that this network does not have, 6 that"
[ "$(grep -c "warning" "$TMP/err")" -eq 1 ] || fail "more than one warning"
sed "s/ -> .*/ -> vector=ow:8x1 rubbish/" "$TMP/cnn.tune" >"$TMP/misfit.tune"
without "$TMP/misfit.tune" || fail "plans that cannot be read change the program"
says "misfit.tune:5:1: warning: 6 of the 6 plans"
expect 0 "$NNC" examples/digits/mlp.nn -bind N=1 -tune="$TMP/cnn.tune" -o "$TMP/mlp.o"
says "6 for contractions that this network does not have, 0 that"
sed "s/^machine .*/machine another/" "$TMP/cnn.tune" >"$TMP/other.tune"
without "$TMP/other.tune" || fail "plans of another machine change the program"
says "they are for 'another'"
expect 1 "$NNC" tune $cnn -bind N=1 -threads=1 -o "$TMP/other.tune"; says "begin anew with -fresh"
expect 1 "$NNC" tune $cnn -bind N=1 -threads=2 -o "$TMP/cnn.tune"; says "with -threads '1', and this is '2'"

# Damaged files.
damaged() { expect 1 "$NNC" $cnn -bind N=1 -tune="$TMP/damaged.tune" -o "$TMP/d.o"; says "$1"; }
sed '6s/ -> .*//' "$TMP/cnn.tune" >"$TMP/damaged.tune"; damaged "damaged.tune:6:1: error: 'CONTRACTION -> PLAN' expected"
sed '4s/1/many/' "$TMP/cnn.tune" >"$TMP/damaged.tune"; damaged "damaged.tune:4:1: error: 'threads' takes"
head -c 1000000 /dev/urandom >"$TMP/damaged.tune"; damaged "damaged.tune:1:1: error: "
head -n 2 "$TMP/cnn.tune" >"$TMP/damaged.tune"; damaged "the file ends before 'machine ...'"
truncate -s 20M "$TMP/damaged.tune"; damaged "damaged.tune"
expect 1 "$NNC" $cnn -tune="$TMP/nowhere.tune" -o "$TMP/d.o"; says "nowhere.tune"
cp $cnn "$TMP/cnn.nn"
expect 1 "$NNC" tune "$TMP/cnn.nn" -weights=random -bind N=1 -fresh -seconds=1 -o "$TMP/cnn.nn"; says "it is an input"

# What it is not for.
expect 2 "$NNC" tune $cnn -bind N=1 -target=hls; says "not those of target hls"
expect 2 "$NNC" $cnn -minutes=1; says "does not go with this command"
expect 2 "$NNC" tune; says "no input file"
finish
