#!/usr/bin/env bash
# The systems that the collection was made for, each deployed, broken in every
# way that its operators have written down, and healed. `make test` runs the
# same scenarios without their long incidents. docs/incidents.md tells of each.
#
# usage: scripts/seeds.sh [SCENARIO...]     (default: all of them)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

if [ $# -eq 0 ]; then
    # The longest first, so that it does not run alone at the end.
    for scenario in mikrom customify breathecode marketplace; do
        [ ! -f "molecule/$scenario/molecule.yml" ] || set -- "$@" "$scenario"
    done
fi
TASKFLEET_WHOLE=1 exec scripts/molecule.sh "$@"
