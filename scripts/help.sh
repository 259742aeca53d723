#!/usr/bin/env bash
# Lists the targets of the Makefile with their comments.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' Makefile |
    while IFS='|' read -r target text; do
        printf 'make %-11s %s\n' "$target" "$text"
    done
