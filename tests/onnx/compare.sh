#!/usr/bin/env bash
# Exported models in onnxruntime, for all networks that the tests have. In the root of the source tree:
#   compare.sh VENV NNC       makes the virtual environment VENV first, if it is not there yet
# Exit status 77 (skipped): there is no Python, or the packages cannot be had.
set -u
venv=$1
nnc=$2
here=$(dirname "$0")
wanted="onnx onnxruntime numpy ml_dtypes"
if ! "$venv/bin/python" -c "import onnx, onnxruntime, numpy, ml_dtypes" 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $wanted || {
        echo "skipped: no virtual environment with $wanted"
        rm -rf "$venv"
        exit 77
    }
fi
variants=$(mktemp -d)
trap 'rm -rf "$variants"' EXIT
"$here/variants.sh" "$variants"
"$venv/bin/python" "$here/compare.py" "$nnc" "$variants" tests/torch tests/networks examples examples/digits
