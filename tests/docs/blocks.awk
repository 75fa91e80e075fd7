# The marked fenced blocks of a page: kind, first line and last line of the block's text, the marker's words.
function report(kind, first, last, words) { printf "%s\t%d\t%d\t%s\n", kind, first, last, words }

{ line = $0; sub(/\r$/, "", line) }

fence == "" && line ~ /^<!-- (nnc|sh|nn)( .*)? -->$/ {
    if (kind != "") report("fault", NR, NR, "a marker without a block under it")
    words = substr(line, 6, length(line) - 9)
    kind = words
    sub(/ .*/, "", kind)
    sub(/^[a-z]+ ?/, "", words)
    next
}
fence == "" && line ~ /^(```|~~~)/ {
    fence = substr(line, 1, 3)
    start = NR + 1
    next
}
fence == "" && kind != "" {
    report("fault", NR, NR, "a marker without a block under it")
    kind = ""
}
fence != "" && substr(line, 1, 3) == fence && line ~ /^(```+|~~~+)$/ {
    if (kind != "") report(kind, start, NR - 1, words)
    fence = ""
    kind = ""
}
END {
    if (fence != "") report("fault", start, NR, "a block that is never closed")
}
