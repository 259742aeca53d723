#!/usr/bin/env bash
# Removes what the other scripts made in the checkout. A running demo keeps its files.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ ! -e .demo ] || die "There is a demo in .demo/. Expected none. Run 'make demo-down' first."
rm -rf .venv .cache .ansible dist
