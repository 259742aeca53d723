"""Sends tasks to the demo's queues, and prints what comes back and from whom."""

from __future__ import annotations

import sys

from shop.tasks import add, refund, report, whoami

TIMEOUT = 20


def main():
    """Send everything, then wait for everything."""
    sent = [
        ("add(2, 3)", add.delay(2, 3)),
        ("refund('A-1') on high_priority", refund.delay("A-1")),
        ("report('2026-11') on reports", report.delay("2026-11")),
        ("whoami() on default", whoami.apply_async(queue="default")),
        ("whoami() on high_priority", whoami.apply_async(queue="high_priority")),
    ]
    for text, result in sent:
        print(f"  {text} -> {result.get(timeout=TIMEOUT)}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
