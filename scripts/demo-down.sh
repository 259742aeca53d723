#!/usr/bin/env bash
# Stops the demo, waits until its processes have ended, and removes .demo/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

pid_file=.demo/run/supervisord.pid
if [ -f "$pid_file" ] && pid=$(cat "$pid_file") && kill -0 "$pid" 2>/dev/null; then
    echo "Stopping the services; running tasks finish first"
    .demo/supervisor/bin/supervisorctl --configuration=.demo/etc/supervisord.conf shutdown
    timeout 90 tail --pid="$pid" --follow /dev/null ||
        die "supervisord, pid $pid, still runs after 90 s. Expected it to stop. See .demo/log/supervisord.log"
fi
rm -rf .demo
echo "The demo is gone."
