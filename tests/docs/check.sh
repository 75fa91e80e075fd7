#!/usr/bin/env bash
# Keeps the documentation true.
#
#   tests/docs/check.sh NNC [-update]      in the root of the source tree
#
# Checks every page of README.md, CONTRIBUTING.md, docs/ and examples/:
#
# - Relative links lead to a file or folder that exists, `#anchors` to a heading.
# - A fenced block under a line `<!-- nnc ARGUMENTS -->` or `<!-- sh COMMAND -->` is what the command prints,
#   standard output and error together. Commands run by bash in the root of the tree, with nnc on the path, $TMP an
#   empty folder and 60 s of time. A line `...` in the block stands for any number of lines.
# - A block under `<!-- nn -->` compiles to graph IR with random weights; under `<!-- nn error -->` it does not. With
#   `<!-- nn x: f32[N, 8] -> y: f32[N, 3] -->` the block holds statements of a network of that signature, and
#   `<!-- nn file=NAME -->` makes it a file that the page's other blocks can import.
# - docs/ops.md is what `nnc -print-ops` prints, and docs/passes.md has a heading for every pass.
# - No line ends with a blank, and no path of somebody's machine is named.
#
# -update rewrites blocks and docs/ops.md instead of complaining. Where a block has `...`, each stretch between them
# keeps its first and last line; if these are gone, the whole output is put in.
set -u
export LC_ALL=C
NNC=$(realpath "$1")
UPDATE=${2:-}
TMP=$(mktemp -d)
export TMP NNC
trap 'rm -rf "$TMP"' EXIT
here=tests/docs
mkdir "$TMP/bin"
ln -s "$NNC" "$TMP/bin/nnc"
PATH=$TMP/bin:$PATH
failures=0

fail() {
    echo "$*" >&2
    failures=$((failures + 1))
}

pages=(README.md CONTRIBUTING.md docs/*.md)
while IFS= read -r page; do pages+=("$page"); done < <(find examples -name '*.md' | sort)

# ---- links ----

anchors() { awk -f $here/anchors.awk "$1"; }

check_links() {
    local page=$1 line target path anchor
    while IFS=$'\t' read -r line target; do
        path=${target%%#*}
        anchor=
        [ "$path" = "$target" ] || anchor=${target#*#}
        if [ -z "$path" ]; then path=$page; else path=$(dirname "$page")/$path; fi
        if [ ! -e "$path" ]; then
            fail "$page:$line: the link leads nowhere: $target"
        elif [ -n "$anchor" ] && ! anchors "$path" | grep -qxF -- "$anchor"; then
            fail "$page:$line: the page has no such heading: $target"
        fi
    done < <(awk -f $here/links.awk "$page")
}

# ---- what commands print ----

# replace PAGE FIRST LAST: the lines from FIRST to LAST become $TMP/new.
replace() {
    { head -n $(($2 - 1)) "$1"; cat "$TMP/new"; tail -n +$(($3 + 1)) "$1"; } >"$TMP/page" && cat "$TMP/page" >"$1"
}

# check_output PAGE FIRST LAST COMMAND
check_output() {
    local page=$1 first=$2 last=$3 command=$4
    sed -n "${first},${last}p" "$page" >"$TMP/written"
    [ "$last" -ge "$first" ] || : >"$TMP/written"
    rm -rf "$TMP/run"
    mkdir "$TMP/run"
    (TMP=$TMP/run timeout 60 bash -c "$command" 2>&1) >"$TMP/printed" </dev/null
    awk -f $here/same.awk "$TMP/written" "$TMP/printed" >"$TMP/new" && return
    if [ "$UPDATE" = -update ]; then
        replace "$page" "$first" "$last"
    else
        fail "$page:$first: the block is not what this prints: $command"
        diff "$TMP/written" "$TMP/new" | head -n 20 >&2
    fi
}

# ---- networks ----

# check_network PAGE FIRST LAST WORDS
check_network() {
    local page=$1 first=$2 last=$3 words=$4 wanted=0 status=0 signature
    [ "${words%% *}" = error ] && { wanted=1; words=${words#error}; words=${words# }; }
    {
        signature="(${words%% -> *}) -> (${words##* -> })"
        [ -z "$words" ] || printf 'network t%s {\n' "$signature"
        sed -n "${first},${last}p" "$page"
        [ -z "$words" ] || printf '}\n'
    } >"$TMP/nn/block.nn"
    timeout 60 "$NNC" "$TMP/nn/block.nn" -weights=random -emit=graph -o "$TMP/graph" 2>"$TMP/said" || status=$?
    [ "$status" -eq "$wanted" ] && return
    fail "$page:$first: the network gives status $status instead of $wanted"
    head -n 12 "$TMP/said" >&2
}

# ---- pages ----

# From the last block to the first, so that replaced ones move no line that is still to come.
check_blocks() {
    local page=$1 kind first last words
    rm -rf "$TMP/nn"
    mkdir "$TMP/nn"
    awk -f $here/blocks.awk "$page" >"$TMP/blocks"
    while IFS=$'\t' read -r kind first last words; do
        case $words in file=*) sed -n "${first},${last}p" "$page" >"$TMP/nn/${words#file=}" ;; esac
    done <"$TMP/blocks"
    while IFS=$'\t' read -r kind first last words; do
        case $kind in
        nnc) check_output "$page" "$first" "$last" "nnc $words" ;;
        sh) check_output "$page" "$first" "$last" "$words" ;;
        nn) case $words in file=*) ;; *) check_network "$page" "$first" "$last" "$words" ;; esac ;;
        *) fail "$page:$first: $words" ;;
        esac
    done < <(tac "$TMP/blocks")
}

check_text() {
    local page=$1 line
    while IFS= read -r line; do fail "$page:$line ends with a blank"; done \
        < <(grep -nE '[[:blank:]]$' "$page" | cut -d: -f1)
    while IFS= read -r line; do fail "$page:$line: a path of somebody's machine"; done \
        < <(grep -nE '(^|[^A-Za-z0-9_.])/(work|tmp|root|home|Users)/' "$page")
}

"$NNC" -print-ops >"$TMP/ops.md" || fail "nnc -print-ops fails"
if ! cmp -s "$TMP/ops.md" docs/ops.md; then
    if [ "$UPDATE" = -update ]; then
        cat "$TMP/ops.md" >docs/ops.md
    else
        fail "docs/ops.md is not what nnc -print-ops prints; tests/docs/check.sh NNC -update writes it"
    fi
fi
for pass in $("$NNC" -print-passes | cut -d' ' -f1); do
    grep -qxF "### $pass" docs/passes.md || fail "docs/passes.md has no heading '### $pass'"
done
for page in "${pages[@]}"; do
    check_blocks "$page"
    check_links "$page"
    check_text "$page"
done
[ "$failures" -eq 0 ] || { echo "$failures faults in the documentation" >&2; exit 1; }
