#!/usr/bin/env bash
# Runs the integration targets against brokers and workers of their own: all of them, or those named.
# Two side by side, since they mostly wait. Counts targets.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

counts=.cache/integration.count
streams=(1 2)

rm -f "$counts"
mkdir -p .cache/logs
if [ $# -eq 0 ]; then
    for directory in tests/integration/targets/*/; do
        name=$(basename "$directory")
        [[ $name == setup_* ]] || set -- "$@" "$name"
    done
fi

need_programs git rsync ssh-keygen:openssh-client
need_server redis-server redis-server
need_server /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
scripts/venv.sh dev
# ansible-test makes itself this key at its first run; of two at once the second would fail over that of the first.
key=$HOME/.ansible/test/id_rsa
if [ ! -e "$key.pub" ]; then
    mkdir -p "${key%/*}"
    rm -f "$key"
    ssh-keygen -m PEM -q -t rsa -N '' -f "$key"
fi

# targets_of STREAM ALL...: every second one.
targets_of() {
    local stream=$1 position
    shift
    for ((position = stream; position <= $#; position += ${#streams[@]})); do
        echo "${!position}"
    done
}

# run STREAM TARGET...
run() {
    local stream=$1
    shift
    STREAM=$stream scripts/ansible-test.sh integration --local --python default --color no --continue-on-error "$@"
}

declare -A jobs=()
for stream in "${streams[@]}"; do
    mapfile -t targets < <(targets_of "$stream" "$@")
    [ "${#targets[@]}" -gt 0 ] || continue
    run "$stream" "${targets[@]}" </dev/null >".cache/logs/integration-$stream.log" 2>&1 &
    jobs[$stream]=$!
done
status=0
for stream in "${!jobs[@]}"; do
    wait "${jobs[$stream]}" || status=$?
done

# One that was not run proves nothing, so it counts as failed.
failed=0
for stream in "${!jobs[@]}"; do
    log=.cache/logs/integration-$stream.log
    while read -r target; do
        if ! grep -qE "Running $target integration test" "$log" || grep -qxF "$target" <(sed -n '/listed below/,$p' "$log"); then
            printf 'FAILED %s (see %s)\n' "$target" "$log"
            failed=$((failed + 1))
            awk -v target="$target" '/^Running / {here = $2 == target} here && /^(fatal|failed):/ {print substr($0, 1, 2000)}' "$log"
        else
            printf 'passed %s\n' "$target"
        fi
    done < <(targets_of "$stream" "$@")
done
echo "$(($# - failed)) $failed" >"$counts"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
