#!/usr/bin/env bash
# Runs the unit tests as ansible-test does. For one of them, plain pytest does as well.
#
# usage: scripts/units.sh [ARGUMENTS OF ansible-test units]
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/ansible-test.sh units --local --python default "$@"
