"""Permission denied on the log directory. The document: chown -R mikrom:mikrom, chmod 755."""

from __future__ import annotations

import pytest
from helpers import deployed, host_named
from lab import concluded

pytestmark = pytest.mark.whole


def test_worker_does_not_need_the_directory_and_the_deployment_fixes_it():
    host = host_named("alpha")
    worker, directory = host.workers[0], host.facts["log_dir"]
    host.check(f"chown -R root:root {directory}")
    host.check(f"chmod 0700 {directory}")
    # The service manager opens the logs, so that a worker starts all the same.
    worker.stop()
    worker.start()
    host.answers("ping", worker.node)
    assert concluded("health").unhealthy == {}
    deployed("--limit=alpha")
    found = host.on.file(directory)
    assert (found.user, found.group, oct(found.mode)) == ("mikrom", "mikrom", "0o755")
    assert concluded("health").unhealthy == {}
