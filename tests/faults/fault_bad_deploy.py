"""New code that cannot be imported is on the host, and the workers still run the old one.

They are asked by the broker's URL alone, and answer. Nobody is restarted, as it would end the last that works.
"""

ROUND, NODE = "bad_deploy", "blind"
EXPECTED, ACTION = ("healthy", "idle"), "none"
EXITS = (0, 0)
CODE = "/opt/shop/src/shop/celery.py"


def inject(fleet):
    fleet.check(f"cp --preserve {CODE} {CODE}.good && echo 'import nothing_of_that_name' >> {CODE}")


def undo(fleet):
    fleet.host.on.run(f"test ! -e {CODE}.good || mv {CODE}.good {CODE}")
