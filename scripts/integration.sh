#!/usr/bin/env bash
# Runs the integration targets against brokers and workers of their own: all of them, or those named.
# Counts targets.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

counts=.cache/integration.count
log=.cache/ansible-test-integration.log

rm -f "$counts" "$log"
mkdir -p .cache
if [ $# -eq 0 ]; then
    for directory in tests/integration/targets/*/; do
        name=$(basename "$directory")
        [[ $name == setup_* ]] || set -- "$@" "$name"
    done
fi

need_programs git rsync
need_server redis-server redis-server
need_server /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
scripts/venv.sh dev

status=0
scripts/ansible-test.sh integration --local --python default --color no --continue-on-error "$@" || status=$?

# One that was not run proves nothing, so it counts as failed.
failed=0
for target in "$@"; do
    if ! grep -qE "Running $target integration test" "$log" || grep -qxF "$target" <(sed -n '/listed below/,$p' "$log"); then
        printf 'FAILED %s\n' "$target"
        failed=$((failed + 1))
    fi
done
echo "$(($# - failed)) $failed" >"$counts"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
