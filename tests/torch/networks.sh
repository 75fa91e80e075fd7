#!/usr/bin/env bash
# Runs networks.py by a Python that has its packages.
#   networks.sh FOLDER            makes the virtual environment FOLDER, if it is not there yet
#   networks.sh FOLDER NNC ...    runs networks.py with it
# Exit status 77 (skipped): there is no Python, or the packages cannot be had.
set -u
folder=$1
shift
python=$folder/bin/python
if [ $# -gt 0 ]; then
    [ -x "$python" ] || { echo "skipped: $folder was not made"; exit 77; }
    exec "$python" "$(dirname "$0")/networks.py" "$@"
fi
wanted="torch torchvision transformers safetensors numpy"
"$python" -c "import ${wanted// /, }" 2>/dev/null && exit 0
python3 -m venv --system-site-packages "$folder" &&
    "$python" -m pip install --quiet --disable-pip-version-check $wanted && exit 0
echo "skipped: no virtual environment with $wanted"
rm -rf "$folder"
exit 77
