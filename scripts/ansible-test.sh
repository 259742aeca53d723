#!/usr/bin/env bash
# Runs ansible-test on a copy of the checkout, below the path that it insists on.
# Runs side by side need a STREAM each, which names their copy and their log. VENV is the environment: .venv.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

venv=${VENV:-.venv}

# ansible-test downloads a bootstrap script for pip unless its cache holds one.
# This one installs the wheel of the same version, which any package index has.
seed_pip() {
    local version downloads script
    downloads=$HOME/.ansible/test/cache
    version=$("$venv/bin/python" - <<'PYTHON'
import importlib.util
import pathlib
import re

package = pathlib.Path(importlib.util.find_spec("ansible_test").origin).parent
source = (package / "_internal/python_requirements.py").read_text()
print(re.search(r"pip='([0-9.]+)'", source)[1])
PYTHON
    )
    script=$downloads/get_pip_${version//./_}.py
    mkdir -p "$downloads"
    exec 9>"$downloads/lock"
    flock 9
    [ ! -f "$script" ] || return 0
    "$venv/bin/pip" download --quiet --quiet --disable-pip-version-check --no-deps --dest "$downloads" "pip==$version"
    cat >"$script" <<PYTHON
import os
import sys

here = os.path.dirname(os.path.abspath(os.environ["GET_PIP"]))
sys.path.insert(0, os.path.join(here, "pip-$version-py3-none-any.whl"))

from pip._internal.cli.main import main

unknown = ("--no-setuptools", "--no-wheel")
sys.exit(main(["install", "--find-links", here] + [arg for arg in sys.argv[1:] if arg not in unknown]))
PYTHON
}

checkout=$PWD
name=${1:?usage: [STREAM=NAME] [VENV=DIRECTORY] $0 sanity|units|integration [ARGUMENTS]}${STREAM:+-$STREAM}
tree=.cache/tree-$name/ansible_collections/taskfleet/celery
copy_tree "$tree"
(seed_pip)

# Sanity tests of several lines of ansible-core would make the same environments at the same time.
if [ "$1" = sanity ]; then
    exec 8>"$HOME/.ansible/test/sanity.lock"
    flock 8
fi
cd "$tree"
if [ "$1" = integration ]; then
    whole=false
    [ "${TASKFLEET_WHOLE:-}" != 1 ] || whole=true
    printf 'setup_celery_cache: %s\nsetup_celery_whole: %s\n' "$checkout/.cache/celery" "$whole" >tests/integration/integration_config.yml
fi
# Without the user's PATH: ansible-test takes a shim of a version manager for a Python.
export PATH=$checkout/$venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
log=$checkout/.cache/ansible-test-$name.log
ansible-test "$@" 2>&1 | tee "$log"
if grep -q 'All targets skipped' "$log"; then
    die "ansible-test $1 found nothing to test. Expected tests to run."
fi
