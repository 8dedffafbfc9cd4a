# Sourced by scripts/run and scripts/test: makes a virtual environment from exact versions, once.
#
#   make_environment FOLDER PYTHON REQUIREMENTS
#
# A stamp in the environment holds the checksum of what it was made from; while that is unchanged, nothing is done.

find_python() {
    # The first Python of 3.11 or later among the arguments, or nothing.
    local candidate
    for candidate in "$@"; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

make_environment() {
    local folder=$1 python=$2 requirements=$3 stamp
    if [ -z "$python" ]; then
        echo "jaxnn needs Python 3.11 or later: install it, or name it in the variable PYTHON." >&2
        return 2
    fi
    stamp=$(cat "$requirements" pyproject.toml | "$python" -c \
        'import hashlib, sys; print(sys.version.split()[0], hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    if [ "$(cat "$folder/.made-from" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    echo "setting up $folder (once; about a minute)" >&2
    "$python" -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .
    echo "$stamp" > "$folder/.made-from"
}
