#!/usr/bin/env bash
# Runs each file of tests/bench. Each one compares two things and prints the ratio.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_server redis-server redis-server
scripts/venv.sh dev
make_venv .cache/venv-bench requirements-bench.txt
# As an application's environment is; the modules never write into it.
.cache/venv-bench/bin/python -m compileall -q .cache/venv-bench/lib || die "The libraries of the benchmarks do not compile."
export PATH=$PWD/.venv/bin:$PATH
for file in tests/bench/*.py; do
    [ -e "$file" ] || die "tests/bench holds no file. Expected at least one benchmark."
    printf '== %s\n' "$file"
    python "$file"
done
