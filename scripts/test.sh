#!/usr/bin/env bash
# Runs the parts of the test system, side by side where they may be: see scripts/run_tests.py.
#
# usage: scripts/test.sh quick | all | times | GROUP | GROUP/NAME...
set -euo pipefail
. "$(dirname "$0")/lib.sh"

(find_python) >/dev/null 2>&1 || need_programs python3-venv:python3-venv
exec "$(find_python)" -B scripts/run_tests.py "$@"
