# Sourced by the scripts beside it: finds a Python, makes .venv at the root, installs into it.
# Works on a fresh Debian or Raspberry Pi OS with Python 3.11 or newer and nothing else prepared.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"

say() { printf '%s\n' "$*" >&2; }

# debian PACKAGE...: install Debian packages that are missing, or say what a person must do.
debian() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "These Debian packages are missing: ${missing[*]}"
            say "Install them and run this again:  sudo apt-get install --no-install-recommends ${missing[*]}"
            exit 1
        fi
        sudo=(sudo -n)
    fi
    say "Installing Debian packages: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# environment EXTRAS: .venv with this checkout and its extras; quick when nothing has changed.
environment() {
    local python stamp want
    for python in python3 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
        python=
    done
    if [ -z "$python" ]; then
        say "Python 3.11 or newer is needed, found: $(python3 --version 2>&1 || echo none)"
        exit 1
    fi
    # An interrupted first run may have left half an environment.
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        rm -rf .venv
        "$python" -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
        "$python" -m venv .venv
    fi
    stamp=".venv/menkou-$1.stamp"
    want="$(cat setup.cfg pyproject.toml | sha256sum) $ROOT"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
        say "Installing Menkou with its libraries into .venv (a few minutes the first time) ..."
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$1]"
        printf '%s' "$want" > "$stamp"
    fi
}
