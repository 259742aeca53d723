#!/usr/bin/env bash
# Everything, part by part. A failed part does not stop the later ones.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

passed=0
failed=0

# count_part NAME COMMAND...: runs the command, with which scripts/NAME.sh leaves its "passed failed" in .cache/NAME.count.
count_part() {
    local part=$1 started=$SECONDS status=0 good=0 bad=0
    shift
    printf '== %s\n' "$part"
    # No pipe, in which the command could not wait for what this shell has started; and braces, or $! were not tee.
    { "$@" </dev/null || status=$?; } > >(tee ".cache/logs/$part.out") 2>&1
    wait "$!"
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

mkdir -p .cache/logs
rm -f .cache/{lint,units,integration,molecule}.count
(find_python) >/dev/null 2>&1 || need_programs python3-venv:python3-venv

# What mostly waits goes on beside what computes. Where Docker cannot be had, the scenarios' part says so.
scripts/docker.sh >.cache/logs/docker.log 2>&1 &
docker=$!
scripts/venv.sh dev
if wait "$docker"; then
    { scripts/images.sh && scripts/wheelhouse.sh; } >.cache/logs/images.log 2>&1 &
    images=$!
fi
scripts/integration.sh </dev/null >.cache/logs/integration.log 2>&1 &
integration=$!
scenarios() {
    if [ -n "${images:-}" ] && ! wait "$images"; then
        echo "The images were not made beside the linters (see .cache/logs/images.log), so they are made now."
    fi
    scripts/molecule.sh
}
end_of_integration() {
    local status=0
    wait "$integration" || status=$?
    cat .cache/logs/integration.log
    return "$status"
}

count_part lint scripts/lint.sh
count_part units scripts/units.sh
count_part molecule scenarios
count_part integration end_of_integration
# Said once more at the end, where whoever sees only the last lines finds it.
sed -n '/^FAILED/p' .cache/logs/{lint,units,molecule,integration}.out
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
