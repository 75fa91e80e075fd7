#!/bin/bash
# C sources and headers below the given folders, as .clang-format lays them out: format.sh FOLDER...
# Looks at the files that git tracks; exits with 77, skipped, where the tree is not tracked or clang-format-19 is missing.
command -v clang-format-19 >/dev/null || { echo "clang-format-19 is missing"; exit 77; }
git ls-files --error-unmatch .clang-format >/dev/null 2>&1 || { echo "git does not track this tree"; exit 77; }

mapfile -d '' files < <(git ls-files -z -- "${@/%//*.[ch]}")
((${#files[@]})) || { echo "no C files below: $*"; exit 1; }
clang-format-19 --dry-run -Werror -- "${files[@]}"
