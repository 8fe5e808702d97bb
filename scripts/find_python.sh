#!/bin/sh
# Prints a Python 3.11 to start with: $1 if given, the environment's own, or the first on the PATH. Fails with one line.
is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }
root=$(dirname "$0")/..
if [ -n "$1" ]; then
    is_311 "$1" && echo "$1" && exit 0
    echo "PYTHON=$1 is not Python 3.11: name another one, or leave it out to have one looked for." >&2
    exit 1
fi
for python in "$root/.venv/bin/python" python3.11 python3 python "$HOME"/.pyenv/versions/3.11.*/bin/python \
    "$HOME"/.local/share/uv/python/cpython-3.11.*/bin/python3.11; do
    is_311 "$python" && echo "$python" && exit 0
done
echo "Python 3.11 was not found: install it (apt install python3.11 python3.11-venv, brew install python@3.11, or" \
    "pyenv install 3.11), or name it: make PYTHON=/path/to/python3.11 run" >&2
exit 1
