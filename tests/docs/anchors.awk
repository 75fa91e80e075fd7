# The anchors of a page's headings, as the usual sites make them: lower case, blanks become hyphens, other
# punctuation goes, a repeated one gets a number.
/^(```|~~~)/ { fenced = !fenced; next }
fenced { next }
/^#+ / {
    sub(/^#+ +/, "")
    sub(/ +#*$/, "")
    while (match($0, /\[[^]]*\]\([^()]*\)/)) {
        link = substr($0, RSTART + 1, RLENGTH - 1)
        sub(/\].*/, "", link)
        $0 = substr($0, 1, RSTART - 1) link substr($0, RSTART + RLENGTH)
    }
    anchor = tolower($0)
    gsub(/[!-,.\/:-@[-^`{-~]/, "", anchor)
    gsub(/ /, "-", anchor)
    n = count[anchor]++
    print n ? anchor "-" n : anchor
}
