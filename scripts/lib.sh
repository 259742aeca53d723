# shellcheck shell=bash
# Sourced by the other scripts: goes to the root of the checkout, and defines what they share.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
# Ansible refuses to work in a locale that is not UTF-8.
export LC_ALL=C.UTF-8
# The environments are installed without compiled modules, and a run starts each program hundreds of times.
unset PYTHONDONTWRITEBYTECODE
# Not the home directory: a release installed there would stand in for the checkout.
export ANSIBLE_COLLECTIONS_PATH=$PWD/.venv

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

case $PWD in
*[[:space:]]*) die "The checkout is at '$PWD'. Expected a path without spaces. Move the checkout." ;;
esac

# The system's interpreter comes first: an environment made from one in a home
# directory cannot be used by another user.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    die "No usable Python: expected python3 of version 3.11 or later with the venv module," \
        "found $(python3 --version 2>&1 || true). On Debian 12: apt-get install python3 python3-venv"
}

# python_of VERSION: the interpreter of that version on the path, or of pyenv.
python_of() {
    local candidate
    for candidate in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
        if "$candidate" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# make_venv DIRECTORY REQUIREMENTS [FURTHER FILES OF THE HASH]
# Does nothing when the stamp of this requirements file is up to date. VENV_PYTHON makes it: find_python.
make_venv() {
    local directory=$1 requirements=$2 stamp wanted python
    shift
    stamp=$directory/.stamp-${requirements##*/}
    wanted="$PWD $(cat "$@" | sha256sum)"
    if [ -x "$directory/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    # The scripts of an environment name its path, so it does not outlive a move of the checkout.
    if ! "$directory/bin/python" -m pip --version >/dev/null 2>&1 || ! grep -qsF "$PWD/" "$directory/pyvenv.cfg"; then
        python=${VENV_PYTHON:-$(find_python)}
        rm -rf "$directory"
        mkdir -p "$(dirname "$directory")"
        "$python" -m venv "$PWD/$directory"
    fi
    printf 'Installing %s into %s\n' "$requirements" "$directory" >&2
    # Most of it is never imported, so what is used is compiled at its first use.
    "$directory/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-input --no-compile \
        --requirement "$requirements" >&2
    printf '%s\n' "$wanted" >"$stamp"
}

# Lets every tool of the environment find the checkout as taskfleet.celery.
link_collection() {
    local packages
    packages=("$1"/lib/python3.*/site-packages)
    if [ "$(readlink "${packages[0]}/ansible_collections/taskfleet/celery")" != "$PWD" ]; then
        mkdir -p "${packages[0]}/ansible_collections/taskfleet"
        ln -sfn "$PWD" "${packages[0]}/ansible_collections/taskfleet/celery"
    fi
}

# until_fewer_jobs_than NUMBER: waits until so few of the background jobs run.
until_fewer_jobs_than() {
    while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do
        # How it ended is asked later, of each by itself.
        wait -n || true
    done
}

# list_files PATTERN...: the files that git knows or would add, each followed by a NUL.
list_files() {
    git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard -- "$@"
}

# copy_tree DIRECTORY: all of those files and nothing else, as a repository of its own.
# Without that, the tools that ask git see an ignored directory of this one: no files at all.
copy_tree() {
    rm -rf "$1"
    mkdir -p "$1"
    list_files . | rsync --archive --from0 --files-from=- --ignore-missing-args ./ "$1/"
    git init --quiet "$1"
}

# need_programs PROGRAM...: each has the name of its Debian package, or is given as program:package.
# Root on Debian gets what is missing; anybody else gets a message.
need_programs() {
    local program packages=()
    for program in "$@"; do
        command -v "${program%%:*}" >/dev/null || packages+=("${program##*:}")
    done
    [ "${#packages[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "Missing: ${packages[*]}. On Debian, as root: apt-get install ${packages[*]}"
    fi
    printf 'Installing %s\n' "${packages[*]}" >&2
    apt_install "${packages[@]}"
}

# apt_install PACKAGE...: waits for another installation that is under way.
apt_install() {
    local wait=(-o DPkg::Lock::Timeout=600)
    export DEBIAN_FRONTEND=noninteractive
    # Two may not update the lists at once either, and that lock nobody waits for.
    mkdir -p .cache
    flock .cache/apt.lock apt-get update --quiet=2
    apt-get "${wait[@]}" install --quiet=2 --yes --no-install-recommends "$@" >/dev/null
}

# need_server PROGRAM PACKAGE: as need_programs, but the system's own service stays off.
need_server() (
    policy=/usr/sbin/policy-rc.d
    ! command -v "$1" >/dev/null || return 0
    if [ "$(id -u)" = 0 ] && [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    need_programs "$1:$2"
    [ ! -d /run/systemd/system ] || systemctl --quiet disable "$2"
)

# hosts_of SCENARIO: the names of its containers, which molecule/shared/inventory gives them.
hosts_of() {
    docker ps --all --format '{{.Names}}' --filter "name=^taskfleet-$(printf %s "$PWD" | sha1sum | cut -c1-6)-$1-"
}
