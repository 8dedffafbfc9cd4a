# Sourced by scripts/run and scripts/test: makes the virtual environment from exact versions, once.
#
#   make_environment FOLDER PYTHON REQUIREMENTS
#
# A stamp in the environment holds the checksum of what it was made from; while that is unchanged, nothing is
# done.  The requirements of the tests contain those of a run, so both commands share one environment.

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
    local folder=$1 python=$2 requirements=$3 made_from stamp version make_new=
    if [ -z "$python" ]; then
        echo "jaxnn needs Python 3.11 or later: install it, or name it in the variable PYTHON." >&2
        return 2
    fi
    made_from="$folder/.made-from-$(basename "$requirements")"
    stamp=$(cat "$requirements" pyproject.toml | "$python" -c \
        'import hashlib, sys; print(sys.version.split()[0], hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    if [ "$(cat "$made_from" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    version=$("$python" --version)
    if [ "$("$folder/bin/python" --version 2>/dev/null)" != "$version" ]; then
        make_new=yes
        if [ -e "$folder" ] && [ -z "$(ls -A "$folder"/.made-from-* 2>/dev/null)" ]; then
            echo "\`$folder\` must be an environment of $version, or not be there; it is something else, which these" \
                "scripts have not made: move it away, or name its Python in the variable PYTHON." >&2
            return 2
        fi
    fi
    echo "setting up $folder from $requirements (once; a minute or two)" >&2
    if [ -n "$make_new" ]; then
        "$python" -m venv --clear "$folder"
    fi
    # An environment that another tool made, of the same Python, may have no pip.
    "$folder/bin/python" -m pip --version >/dev/null 2>&1 || "$folder/bin/python" -m ensurepip >/dev/null
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .
    echo "$stamp" > "$made_from"
}
