# Dependency files (-MF): make and Ninja rebuild when a file that was read changes, and only then, whatever its name.
. tests/cli/lib.sh

cd "$TMP" || exit 1
cat > 'my net#1.nn' <<END
import "sub dir/blocks\$2.nn"
network n(x: f32[N, 4]) -> (y: f32[N, 3]) { y = head(x) }
END
mkdir 'sub dir'
printf 'block head(x) {\n  return dense(x, 3, name="fc")\n}\n' > 'sub dir/blocks$2.nn'
expect 0 "$NNC" 'my net#1.nn' -weights=random -emit=graph -o n.graph; [ "$failures" -eq 0 ] || finish
cat > Makefile <<END
all: n.o
n.o:
	@"$NNC" 'my net#1.nn' -weights=random -o n.o -MF n.d && echo compiled
-include n.d
END
cat > build.ninja <<END
rule nnc
  command = "$NNC" 'my net#1.nn' -weights=random -o \$out -MF n.ninja.d && echo compiled
  depfile = n.ninja.d
  deps = gcc
build m.o: nnc
END

# compiles TOOL YES|NO WHY
compiles() {
    timeout 60 "$1" >"$TMP/log" 2>&1 || { fail "$1 fails: $3"; cat "$TMP/log" >&2; }
    local found=NO
    grep -qx compiled "$TMP/log" && found=YES
    [ $found = "$2" ] || { fail "$1, $3: compiled $found instead of $2"; cat "$TMP/log" "$TMP"/n*.d >&2; }
}
for tool in make ninja; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; continue; }
    compiles $tool YES "first build"
    compiles $tool NO "nothing changed"
    for file in 'my net#1.nn' 'sub dir/blocks$2.nn'; do
        sleep 0.01
        touch "$file"
        compiles $tool YES "$file touched"
        compiles $tool NO "$file built"
    done
    touch unrelated.nn
    compiles $tool NO "another file"
done

# A file that is gone is nnc's to complain about, not make's.
mv 'sub dir/blocks$2.nn' kept
expect 2 make
says 'blocks$2.nn'
mv kept 'sub dir/blocks$2.nn'

# Names are as given, or absolute where the dependency file's is, weights too.
expect 0 "$NNC" 'my net#1.nn' -weights=random -o n.o -MF n.d
grep -qF ' my\ net\#1.nn' n.d || fail "not as given: $(cat n.d)"
grep -qxF 'sub\ dir/blocks$$2.nn:' n.d || fail "no empty rule: $(cat n.d)"
expect 0 "$NNC" 'my net#1.nn' -weights=random -o n.o -MF "$TMP/n.d"
grep -qF " $TMP/my\\ net\\#1.nn" n.d || fail "not absolute: $(cat n.d)"
grep -qF " $TMP/sub\\ dir/blocks\$\$2.nn" n.d || fail "not absolute: $(cat n.d)"

# For text too, but not for standard output.
expect 0 "$NNC" 'my net#1.nn' -weights=random -emit=loops -o n.loops -MF n.d
grep -q '^n.loops: ' n.d || fail "not for -emit=loops: $(cat n.d)"
expect 2 "$NNC" 'my net#1.nn' -weights=random -emit=loops -MF n.d
says "-MF needs an output file"

# The manual page has every option of the table and is clean roff.
expect 0 "$NNC" -print-man
prints '.TH NNC 1'
cp "$TMP/out" nnc.1
"$NNC" -help | sed -n 's/^  -\([A-Za-z-]*\).*/\1/p' | while read -r option; do
    grep -qF "\\fB\\-${option//-/\\-}" nnc.1 || echo "$option"
done > missing
[ -s missing ] && fail "the manual page lacks: $(tr '\n' ' ' < missing)"
if command -v groff >/dev/null; then
    groff -man -Tascii -ww -z nnc.1 >"$TMP/out" 2>"$TMP/err" || fail "groff refuses the manual page"
    [ -s "$TMP/err" ] && fail "groff warns: $(cat "$TMP/err")"
fi
finish
