# same.awk WRITTEN PRINTED: status 0 if they are equal, where a line `...` of WRITTEN stands for any number of lines.
# Otherwise prints what WRITTEN should be: each stretch between two `...` from its first line to its last as they are
# found in PRINTED, or all of PRINTED where they are not found in order.
BEGIN { gaps = 0 }
FNR == 1 { file++ }
FILENAME == ARGV[1] && file <= 1 { written[++n] = $0; next }
{ printed[++m] = $0 }

function is_gap(line) { return line ~ /^[ \t]*\.\.\.$/ }

# Whether lines first..last of written are those of printed from `at` on.
function equal_at(first, last, at,    i) {
    if (at < 1 || at + last - first > m) return 0
    for (i = first; i <= last; i++) if (written[i] != printed[at + i - first]) return 0
    return 1
}

function find(first, last, at) {
    for (; at + last - first <= m; at++) if (equal_at(first, last, at)) return at
    return 0
}

# The stretches are found one behind the other; the first begins and the last ends where printed does.
function matches(    s, at, place) {
    if (gaps == 0) return n == m && equal_at(1, n, 1)
    at = 1
    for (s = 0; s <= gaps; s++) {
        if (last_of[s] < first_of[s]) continue
        if (s == 0) place = equal_at(first_of[s], last_of[s], 1) ? 1 : 0
        else if (s == gaps) {
            place = m - (last_of[s] - first_of[s])
            if (place < at || !equal_at(first_of[s], last_of[s], place)) place = 0
        } else place = find(first_of[s], last_of[s], at)
        if (!place) return 0
        at = place + last_of[s] - first_of[s] + 1
    }
    return 1
}

# Places of each stretch by its ends; false where they are not there.
function locate(    s, at) {
    at = 1
    for (s = 0; s <= gaps; s++) {
        from[s] = at
        to[s] = at - 1
        if (last_of[s] < first_of[s]) continue
        if (s > 0) {
            from[s] = find(first_of[s], first_of[s], at)
            if (!from[s]) return 0
        }
        if (s == gaps) to[s] = m
        else {
            to[s] = find(last_of[s], last_of[s], from[s])
            if (!to[s]) return 0
        }
        at = to[s] + 1
    }
    return 1
}

END {
    first_of[0] = 1
    for (i = 1; i <= n; i++) {
        if (!is_gap(written[i])) continue
        last_of[gaps] = i - 1
        gap[gaps] = written[i]
        first_of[++gaps] = i + 1
    }

    last_of[gaps] = n
    if (matches()) exit 0
    if (gaps && locate()) {
        for (s = 0; s <= gaps; s++) {
            for (i = from[s]; i <= to[s]; i++) print printed[i]
            if (s < gaps) print gap[s]
        }
    } else {
        for (i = 1; i <= m; i++) print printed[i]
    }
    exit 1
}
