#!/usr/bin/env bash
# Everything, part by part. A failed part does not stop the later ones.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

passed=0
failed=0

# run_part NAME: runs scripts/NAME.sh, which leaves its "passed failed" in .cache/NAME.count.
run_part() {
    local part=$1 started=$SECONDS status=0 good=0 bad=0
    printf '== %s\n' "$part"
    rm -f ".cache/$part.count"
    "scripts/$part.sh" </dev/null || status=$?
    if [ -f ".cache/$part.count" ]; then
        read -r good bad <".cache/$part.count"
    fi
    # A part that broke off before it counted must not pass for an empty one.
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    printf '== %s: %d passed, %d failed, %d s\n\n' "$part" "$good" "$bad" $((SECONDS - started))
}

mkdir -p .cache
(find_python) >/dev/null 2>&1 || need_programs python3-venv:python3-venv
run_part lint
run_part units
run_part integration
run_part molecule
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
