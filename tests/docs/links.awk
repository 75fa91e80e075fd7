# The relative links of a page: line, target. Code is passed over; a link's text may go on over a line's end.
function scan(text, at,    rest, target) {
    while (match(text, /\]\([^()]*\)/)) {
        target = substr(text, RSTART + 2, RLENGTH - 3)
        text = substr(text, RSTART + RLENGTH)
        sub(/ ".*"$/, "", target)
        if (target !~ /^[a-z]+:/) printf "%d\t%s\n", at, target
    }
}

/^(```|~~~)/ { fenced = !fenced; next }
fenced { next }
{
    gsub(/``[^`]*``/, "")
    gsub(/`[^`]*`/, "")
    scan($0, NR)
}
