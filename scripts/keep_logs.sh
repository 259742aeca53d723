#!/usr/bin/env bash
# Keeps what tells why a scenario failed, while its hosts are still there: the logs of workers, beat, Flower and broker,
# the states of the services, heartbeats and ledgers. The last lines that matter go to last-lines.txt.
# Molecule runs it as the stage `cleanup`, which only a failure has.
#
# usage: scripts/keep_logs.sh SCENARIO
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scenario=${1:?usage: scripts/keep_logs.sh SCENARIO}
kept=.cache/logs/$scenario
shown=40
each=8 # of one file, so that a talkative one leaves room for the others
matters='\b(error|critical|fatal|traceback|exception|refused|timed out|killed|terminated|failed|lost)\b'
noise='Invoked with|: INFO/' # Ansible's own lines, which tell every argument, and what a worker says of each task

# Runs on a host, and writes an archive.
# shellcheck disable=SC2016  # expanded there
gather='
    cd "$(mktemp -d)"
    journalctl --no-pager --output=short-iso-precise >journal.log 2>&1
    systemctl status --no-pager --full --all --lines=5 >systemctl-status.txt 2>&1
    supervisorctl status >supervisorctl-status.txt 2>&1
    ps axfo pid,ppid,user,stat,etimes,time,args >processes.txt 2>&1
    for file in /run/*/*.heartbeat.json /run/*/*/*.heartbeat.json; do
        [ ! -e "$file" ] || cp "$file" .
    done
    find /var/lib /srv -type f -name "*ledger*" -exec cp --parents {} . \;
    cp --recursive --no-dereference /var/log log
    rm -rf log/journal log/apt log/dpkg.log log/btmp log/lastlog log/wtmp
    tar --create --gzip .
'

for container in $(hosts_of "$scenario"); do
    host=$kept/${container##*"$scenario"-}
    mkdir -p "$host"
    # A host that a test has stopped tells nothing more.
    timeout 120 docker exec "$container" sh -c "$gather" 2>"$host/gather.log" |
        tar --extract --gzip --no-same-owner --directory "$host" || echo "not all could be gathered" >>"$host/gather.log"
done

last_lines() {
    printf 'Kept below %s. The last lines of it that matter:\n' "$kept"
    find "$kept" -name '*.log' -not -name molecule.log -size +0 | sort | while read -r file; do
        grep -aiE "$matters" "$file" | grep -avE "$noise" | tail -n "$each" | cut -c1-300 | sed "s|^|${file#"$kept"/}: |" || true
    done | tail -n "$shown"
}
last_lines >"$kept/last-lines.txt"
