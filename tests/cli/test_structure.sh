# What the source tree promises of itself: no mutable globals, no file over 1,000 lines, a pipeline of at most 40 lines, layers
# that include only what stands below them.
. tests/cli/lib.sh
build=$(dirname "$NNC")

# Sections of writable data. Tables of pointers are relocated once, then read-only.
if [ "${2:-}" != sanitize ]; then
    for library in "$build"/ir/libnnc_ir.a "$build"/frontend/libnnc_frontend.a "$build"/passes/libnnc_passes.a \
        "$build"/codegen/libnnc_codegen.a "$build"/driver/libnnc_driver.a "$build"/runtime/libnnrt.a; do
        [ -e "$library" ] || { fail "$library is missing"; continue; }
        objdump -h "$library" | awk -v library="$(basename "$library")" '
            /file format/ { object = $1 }
            $2 ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ { print library, object, $2, "0x" $3; bad = 1 }
            END { exit bad }' || fail "mutable globals in $library"
    done
fi

long=$(git ls-files '*.c' '*.h' '*.y' '*.l' '*.def' | xargs wc -l | awk '$2 != "total" && $1 > 1000 { print $2, $1 }')
[ -z "$long" ] || fail "files over 1,000 lines: $long"

# includes FOLDER ALLOWED...: its sources include nothing of the project but these folders.
includes() {
    local folder=$1 allowed
    shift
    allowed=$(printf '%s|' "$@")
    local bad
    bad=$(grep -rnE '^#include "(frontend|ir|passes|codegen|driver|runtime|nn)/' "$folder" --include='*.[chyl]' | grep -vE "#include \"(${allowed%|})/")
    [ -z "$bad" ] || fail "$folder includes what it may not: $bad"
}
includes ir ir
includes frontend frontend ir
includes passes passes ir
includes codegen codegen ir nn
includes runtime nn
includes driver driver codegen frontend ir nn passes
finish
