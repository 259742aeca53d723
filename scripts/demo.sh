#!/usr/bin/env bash
# Deploys the sample application below .demo/ as the user who runs this, and sends tasks to it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

begun=$SECONDS
echo "1/3 Tools into .venv/ (a minute the first time)"
scripts/venv.sh demo

echo "2/3 Broker, workers, beat and Flower into .demo/ (what changes is shown)"
ANSIBLE_CONFIG=ansible.cfg ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false \
    .venv/bin/ansible-playbook --inventory inventories/demo taskfleet.celery.deploy

echo "3/3 Tasks"
.demo/bin/shop-run python "$PWD/scripts/demo_client.py"

cat <<END

The fleet runs. Deployed and tried in $((SECONDS - begun)) s.
  Flower    http://127.0.0.1:15555  user operator, password in .demo/credentials/flower
  Logs      .demo/log/
  Services  .demo/supervisor/bin/supervisorctl -c .demo/etc/supervisord.conf status
  Ask       .demo/bin/shop-run celery -A shop.celery inspect active_queues
  Remove    make demo-down
END
