#!/usr/bin/env bash
# Makes .venv, with what the playbooks need (`venv.sh demo`) or with the test tools as well (`venv.sh dev`).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

case ${1:-dev} in
demo) make_venv .venv requirements.txt ;;
dev) make_venv .venv requirements-dev.txt requirements.txt ;;
*) die "usage: $0 [demo|dev]" ;;
esac
link_collection .venv
