#!/usr/bin/env bash
# Bring up Docker: install the engine where it is missing, start the daemon
# where it does not answer. Does nothing, quickly, where it already runs.
#
# Exit 0: `docker info` answers. Exit 2: it cannot be had here; says why.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

log=.cache/logs/dockerd.log
packages=(docker.io iptables mmdebstrap debootstrap arch-test)

answers() { docker info >/dev/null 2>&1; }

give_up() {
    printf 'docker: %s\n' "$@" >&2
    printf '%s\n' >&2 \
        'Molecule needs Docker. What to do:' \
        "  Debian, as root:  apt-get install --no-install-recommends ${packages[*]}" \
        '  elsewhere:        install the Docker engine, start it, and let this user reach it' \
        '                    (group "docker", or DOCKER_HOST)' \
        "Then run this again. 'make lint', 'make units' and 'make integration' need no Docker."
    exit 2
}

missing() {
    local name
    for name in dockerd:docker.io docker:docker.io iptables:iptables mmdebstrap:mmdebstrap; do
        command -v "${name%%:*}" >/dev/null || echo "${name##*:}"
    done | sort -u
}

install_packages() {
    [ -z "$(missing)" ] && return
    [ "$(id -u)" = 0 ] || give_up "not installed: $(missing | xargs); this user ($(id -un)) cannot install packages"
    command -v apt-get >/dev/null || give_up "not installed: $(missing | xargs); there is no apt-get here"
    echo "docker: installing ${packages[*]}"
    apt_install "${packages[@]}" || give_up "apt-get could not install the packages"
}

# A daemon that was killed leaves its pid file behind, and the next one refuses
# to start over it. The number may meanwhile belong to any other process.
clear_stale_pid() {
    local file=/var/run/docker.pid pid
    [ -e "$file" ] || return 0
    pid=$(cat "$file" 2>/dev/null || true)
    if [ "$(cat "/proc/${pid:-0}/comm" 2>/dev/null)" != dockerd ] ||
        grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; then
        rm -f "$file"
    fi
}

start_daemon() {
    [ "$(id -u)" = 0 ] || give_up "the Docker daemon does not answer, and this user ($(id -un)) cannot start it"
    if [ -d /run/systemd/system ]; then
        systemctl start docker >>"$log" 2>&1 || give_up "'systemctl start docker' failed: see journalctl -u docker"
        return
    fi
    clear_stale_pid
    setsid nohup dockerd </dev/null >>"$log" 2>&1 &
    disown
}

wait_for_daemon() {
    local _
    for _ in $(seq 1 150); do
        answers && return
        sleep 0.2
    done
    tail -n 10 "$log" >&2
    give_up "the daemon did not answer within 30 s; its output is in $log"
}

answers && [ -z "$(missing)" ] && exit 0
mkdir -p "$(dirname "$log")"
# Someone else's daemon (DOCKER_HOST, a desktop engine) is good as it is.
answers && exit 0
install_packages
answers || start_daemon
wait_for_daemon
echo "docker: engine $(docker version --format '{{.Server.Version}}') is up"
