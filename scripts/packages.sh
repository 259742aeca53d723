#!/usr/bin/env bash
# Installs the Debian packages that the tests need on this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_programs git rsync shellcheck ssh:openssh-client
need_server redis-server redis-server
need_server /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
