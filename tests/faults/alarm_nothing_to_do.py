"""A worker has nothing to do, and no sentinel: that it answers is all there is, and is no reason to restart it."""

ROUND, NODE = "settings", "blind"
EXPECTED, ACTION = ("healthy", "idle"), "none"
EXITS = (0, 0)
