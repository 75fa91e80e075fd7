# Sourced by every test of the command line: $1 is the compiler, $2 plain or sanitize; the current folder is the source tree, $TMP an
# empty folder.
set -u
NNC=$1
KIND=${2:-plain}
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
failures=0

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# expect STATUS COMMAND...: runs it within 60 s; its output is in $TMP/out and $TMP/err.
expect() {
    local wanted=$1 status=0
    shift
    timeout 60 "$@" >"$TMP/out" 2>"$TMP/err" || status=$?
    [ "$status" -eq "$wanted" ] || { fail "status $status instead of $wanted: $*"; head -n 5 "$TMP/err" >&2; }
}

# says TEXT: the last command's standard error has it; prints: standard output.
says() { grep -qF -- "$1" "$TMP/err" || { fail "standard error lacks '$1':"; head -n 5 "$TMP/err" >&2; }; }
prints() { grep -qF -- "$1" "$TMP/out" || { fail "standard output lacks '$1':"; head -n 5 "$TMP/out" >&2; }; }

# For tests that run OpenCL drivers: those leak memory of their own. That ours does not is shown by the fake driver of
# tests/opencl.
drivers_leak() {
    [ "$KIND" != sanitize ] || export ASAN_OPTIONS=detect_leaks=0
}

finish() {
    [ "$failures" -eq 0 ] || { echo "$failures failed" >&2; exit 1; }
    exit 0
}
