#!/usr/bin/env bash
# Runs the collection by one line of ansible-core: `ansible-test sanity` and `units`, and a fleet in the demo's way,
# which is deployed, judged, broken and healed. It has ports of its own, so a demo and other lines may run beside it.
#
# usage: scripts/ansible-core.sh VERSION [sanity|units|live]...     (default: all three)
#
# Exit 3: this machine lacks the Python of that line, so nothing was run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# ansible-core, the Python that runs it, and what pip takes for it: a release candidate only where one is named.
lines=(
    "2.19 3.11 ansible-core~=2.19.0"
    "2.20 3.12 ansible-core~=2.20.0"
    "2.21 3.12 ansible-core~=2.21.0"
    "2.22 3.13 ansible-core~=2.22.0rc1"
)

# find_line VERSION: sets python and requirement.
find_line() {
    local line
    for line in "${lines[@]}"; do
        if [ "${line%% *}" = "$1" ]; then
            read -r _ python requirement <<<"$line"
            return
        fi
    done
    die "No line of ansible-core is named '$1'. Expected one of: ${lines[*]%% *}"
}

make_environment() {
    local requirements=$directory/requirements.txt
    mkdir -p "$directory"
    # The parts of a line may run side by side, and each of them needs it.
    exec 9>"$directory/lock"
    flock 9
    printf -- '-r %s\n%s\n' "$PWD/requirements-core.txt" "$requirement" >"$requirements"
    VENV_PYTHON=$interpreter make_venv "$venv" "$requirements" requirements-core.txt
    link_collection "$venv"
    # For the sake of Python 3.15, 2.22 has pylint's dill from GitHub. Any package index has a release for the others.
    sed -i 's/^dill @ .*/dill/' "$venv"/lib/python3.*/site-packages/ansible_test/_data/requirements/sanity.pylint.txt
    exec 9>&-
}

# test_by KIND: ansible-test of this line, by its Python.
test_by() {
    STREAM=core-$version VENV=$venv timeout 1200 \
        scripts/ansible-test.sh "$1" --local --color no --python "$python"
}

part_sanity() { test_by sanity; }

part_units() { test_by units; }

# play PLAYBOOK [ARGUMENTS]
play() {
    local playbook=$1
    shift
    ANSIBLE_CONFIG=ansible.cfg ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false ANSIBLE_NOCOLOR=true \
        timeout 600 ansible-playbook --inventory inventories/demo --extra-vars "$ports" "taskfleet.celery.$playbook" "$@" &
    wait "$!"
}

# The name and the process of each service.
services() {
    .demo/supervisor/bin/supervisorctl --configuration=.demo/etc/supervisord.conf status |
        sed -E 's/ +RUNNING +pid ([0-9]+),.*/ \1/' | sort
}

# Freezes one worker, and lets restart_idle find it: that one, and no other service, has a new process afterwards.
freeze_and_heal() {
    local before restarted
    before=$(services)
    kill -STOP "$(sed -n "s/^$frozen //p" <<<"$before")"
    play restart_idle
    restarted=$(comm -13 <(echo "$before") <(services))
    [ "${restarted% *}" = "$frozen" ] || die "restart_idle restarted: ${restarted:-nothing}. Expected $frozen, and nothing else."
}

deploy_again() {
    play deploy
    grep '^demo ' "$log" | tail -n 1 | grep -q ' changed=0 ' || die "The second deploy changed something. Expected changed=0."
}

take_down() {
    # Where this script is stopped, a playbook is still at work.
    jobs -rp | xargs --no-run-if-empty kill
    wait
    [ ! -e "$live/.demo" ] || timeout 120 "$live/scripts/demo-down.sh" >/dev/null
    rm -rf "$live"
}

part_live() {
    # A run that was killed may have left one.
    take_down
    trap take_down EXIT
    copy_tree "$live"
    PATH=$PWD/$venv/bin:$PATH
    cd "$live"
    play deploy
    play health
    play canary --extra-vars celery_canary_nodes=all
    freeze_and_heal
    deploy_again
    if grep -qE '^\[(DEPRECATION )?WARNING\]' "$log"; then
        die "ansible-core $version warns of something. Expected no [WARNING] and no [DEPRECATION WARNING]."
    fi
}

# first_reason LOG STATUS: what failed first, as Ansible, ansible-test and pytest put it, or else the last line.
first_reason() {
    # `timeout` ends what it runs without a word.
    if [ "$2" -eq 124 ]; then
        echo "it ran out of time"
    else
        awk '/^(ERROR|FATAL|\[ERROR\]): |^FAILED / && !/^ERROR: Found / {print; found = 1; exit} END {exit !found}' "$1" ||
            tail -n 1 "$1"
    fi
}

run_part() {
    local part=$1 log=$PWD/.cache/logs/core-$version-$1.log status
    # Not in a condition, which would switch `set -e` off within the part.
    set +e
    (
        set -e
        "part_$part"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        printf 'passed %s\n' "$part"
    else
        failed=$((failed + 1))
        printf 'FAILED %s: %s (see %s)\n' "$part" "$(first_reason "$log" "$status")" "${log#"$PWD/"}"
    fi
}

[ $# -gt 0 ] || die "usage: $0 VERSION [sanity|units|live]..."
version=$1
shift
[ $# -gt 0 ] || set -- sanity units live
find_line "$version"
for part in "$@"; do
    declare -F "part_$part" >/dev/null || die "No part is named '$part'. Expected one of: sanity units live"
done
if ! interpreter=$(python_of "$python"); then
    printf 'Python %s is not on this machine, so ansible-core %s is NOT tested. Put python%s on the PATH.\n' \
        "$python" "$version" "$python"
    exit 3
fi

directory=.cache/core/$version
venv=$directory/venv
live=$PWD/$directory/live
frozen=shop-worker-urgent
ports="{celery_broker_port: 164${version#*.}, celery_flower_port: 156${version#*.}}"
mkdir -p .cache/logs
make_environment

passed=0
failed=0
for part in "$@"; do
    run_part "$part"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
