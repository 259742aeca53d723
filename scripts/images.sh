#!/usr/bin/env bash
# Build the test hosts' images, taskfleet-celery-host:<suite>, where they are
# missing or their recipe has changed. The base is pulled where a registry
# answers, else made from Debian packages.
#
# usage: scripts/images.sh [SUITE...]     (default: bookworm trixie)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
recipe=$root/molecule/images
ingredients=("$recipe"/{Dockerfile,init,packages.downloaded,packages.installed,ssh-session,zipcache.py})
logs=$root/.cache/logs
extra_certificates=/usr/local/share/ca-certificates
label=taskfleet.recipe

# What the image is made of, as one digest: a changed recipe builds anew.
digest() {
    {
        cat "${ingredients[@]}"
        find "$extra_certificates" -name '*.crt' -exec cat {} + 2>/dev/null || true
    } | sha256sum | cut -c1-16
}

made_from() { docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null || true; }

bootstrap() {
    local suite=$1 base=$2
    if ! command -v mmdebstrap >/dev/null; then
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            echo "images: debian:$suite cannot be pulled, and mmdebstrap, to make it instead, is not installed" >&2
            return 2
        fi
        apt-get install -y --no-install-recommends mmdebstrap debootstrap arch-test
    fi
    local packages
    packages=$(paste -sd, "$recipe/packages.installed")
    mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --include="$packages" "$suite" - | docker import - "$base"
}

build() {
    local suite=$1 image=taskfleet-celery-host:$1 base=taskfleet-celery-base:$1 context
    context=$(mktemp -d)
    # shellcheck disable=SC2064  # expanded now: the variable is gone at exit
    trap "rm -rf '$context'" EXIT
    if docker image inspect "debian:$suite" >/dev/null 2>&1 || docker pull --quiet "debian:$suite"; then
        base=debian:$suite
    elif ! docker image inspect "$base" >/dev/null 2>&1; then
        bootstrap "$suite" "$base"
    fi
    cp "${ingredients[@]}" "$context"
    mkdir "$context/ca-certificates"
    find "$extra_certificates" -name '*.crt' -exec cp {} "$context/ca-certificates" \; 2>/dev/null || true
    DOCKER_BUILDKIT=0 docker build --quiet --label "$label=$(digest)" --build-arg "BASE=$base" --tag "$image" "$context"
}

[ $# -gt 0 ] || set -- bookworm trixie
mkdir -p "$logs"
wanted=$(digest)
declare -A jobs=()
for suite in "$@"; do
    [ "$(made_from "taskfleet-celery-host:$suite")" = "$wanted" ] && continue
    echo "images: building taskfleet-celery-host:$suite (about a minute; output in .cache/logs/image-$suite.log)"
    (build "$suite") >"$logs/image-$suite.log" 2>&1 &
    jobs[$suite]=$!
done
failed=0
for suite in "${!jobs[@]}"; do
    wait "${jobs[$suite]}" && continue
    failed=1
    echo "images: building taskfleet-celery-host:$suite failed:" >&2
    tail -n 15 "$logs/image-$suite.log" >&2
done
exit "$failed"
