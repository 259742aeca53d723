#!/usr/bin/env bash
# Runs one file of tests/bench: it compares two things and prints the ratio.
#
# usage: scripts/bench.sh NAME
set -euo pipefail
. "$(dirname "$0")/lib.sh"

name=${1:?usage: scripts/bench.sh NAME}
make_venv .cache/venv-bench requirements-bench.txt
# As an application's environment is; the modules never write into it.
.cache/venv-bench/bin/python -m compileall -q .cache/venv-bench/lib || die "The libraries of the benchmarks do not compile."
export PATH=$PWD/.venv/bin:$PATH
exec python "tests/bench/$name.py"
