#!/usr/bin/env bash
# Runs a script of this folder by a Python that has its packages.
#   venv.sh FOLDER                 makes the virtual environment FOLDER, if it is not there yet
#   venv.sh FOLDER SCRIPT.py ...   runs the script with it
# Exit status 77 (skipped): there is no Python, or the packages cannot be had.
set -u
folder=$1
shift
python=$folder/bin/python
if [ $# -gt 0 ]; then
    [ -x "$python" ] || { echo "skipped: $folder was not made"; exit 77; }
    cd "$(dirname "$0")" && exec "$python" "$@"
fi
wanted="torch torchvision transformers safetensors numpy ai-edge-litert"
"$python" -c "import torch, torchvision, transformers, safetensors, numpy, ai_edge_litert" 2>/dev/null && exit 0
python3 -m venv --system-site-packages "$folder" &&
    "$python" -m pip install --quiet --disable-pip-version-check $wanted && exit 0
echo "skipped: no virtual environment with $wanted"
rm -rf "$folder"
exit 77
