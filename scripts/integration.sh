#!/usr/bin/env bash
# Runs one integration target against brokers and workers of its own: by the newest Celery; with TASKFLEET_WHOLE=1 by the
# oldest one that is supported as well.
#
# usage: scripts/integration.sh TARGET
set -euo pipefail
. "$(dirname "$0")/lib.sh"

target=${1:?usage: scripts/integration.sh TARGET}
# ansible-test makes itself this key at its first run; of two at once the second would fail over that of the first.
key=$HOME/.ansible/test/id_rsa
mkdir -p "${key%/*}"
(
    flock 9
    [ -e "$key.pub" ] || { rm -f "$key" && ssh-keygen -m PEM -q -t rsa -N '' -f "$key"; }
) 9>"$key.lock"

status=0
STREAM=$target scripts/ansible-test.sh integration --local --python default --color no "$target" || status=$?
log=.cache/ansible-test-integration-$target.log
# One that was not run proves nothing.
if [ "$status" -eq 0 ] && ! grep -qE "^Running $target integration test" "$log"; then
    status=1
fi
if [ "$status" -ne 0 ]; then
    grep -E '^(fatal|failed):' "$log" | cut -c1-2000 | sed 's/^/FAILED /' || printf 'FAILED exit code %s, see %s\n' "$status" "$log"
fi
exit "$status"
