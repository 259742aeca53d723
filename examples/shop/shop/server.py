"""A command of the shop's own: it sets the shop up, and hands its arguments to Celery."""

import os
import sys

from celery.bin.celery import celery


def main():
    """``shop-server celery ...`` is ``celery ...`` of a shop that is set up."""
    os.environ["SHOP_SET_UP"] = "yes"
    sys.argv.remove("celery")
    celery.main()
