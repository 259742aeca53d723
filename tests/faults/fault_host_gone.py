"""A host cannot be reached: nothing is known of its workers, and those of other hosts are judged all the same."""

from pathlib import Path

ROUND, NODE = "unseen", "gone"
EXPECTED, ACTION = ("unknown", "host_unreachable"), "none"
EXITS = (0, 0)
INVENTORIES = [Path(__file__).parent / "gone"]


def inject(fleet):
    """The further inventory is all there is to it."""


def find(report):
    return next(node for node in report["nodes"] if node["host"] == "gone")
