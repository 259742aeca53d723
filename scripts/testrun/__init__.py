"""The test system: which parts there are, how they are run side by side, and what is reported and kept of them."""
