#!/usr/bin/env bash
# Runs the gates that need no host, two at a time: all of them, or those named as arguments.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# The slow ones first.
gates=(sanity importer antsibull ansible-lint yamllint shellcheck ruff-check ruff-format vermin role-docs)

gate_role_docs() { python scripts/role_docs.py check; }

gate_ruff_check() { ruff check .; }

gate_ruff_format() { ruff format --check --diff .; }

# What the oldest Python lacks besides syntax, which ruff knows: names of the standard library.
gate_vermin() { vermin --target=3.8- --violations --no-tips plugins/modules plugins/module_utils roles/*/files; }

gate_yamllint() { yamllint --strict .; }

gate_shellcheck() {
    local files
    mapfile -t -d '' files < <(list_files '*.sh' .ci/run)
    shellcheck --external-sources --source-path=SCRIPTDIR "${files[@]}"
}

gate_ansible_lint() { ansible-lint --strict --nocolor -q; }

gate_sanity() {
    # Only a warning to ansible-test, which then skips the ignore-files' statements.
    if compgen -G 'tests/sanity/ignore-*.txt'; then
        die "There are sanity ignore files. Expected none. Mend what they hide."
    fi
    scripts/ansible-test.sh sanity --local --python default
}

gate_antsibull() {
    make_venv .cache/venv-docs requirements-docs.txt
    export PATH=$PWD/.cache/venv-docs/bin:$PATH
    antsibull-changelog lint
    antsibull-changelog lint-changelog-yaml --strict changelogs/changelog.yaml
    copy_tree .cache/tree-docs
    antsibull-docs lint-collection-docs --plugin-docs --check-extra-docs-refs \
        --validate-collection-refs all --disallow-unknown-collection-refs .cache/tree-docs
}

gate_importer() {
    local tools=$PWD/.cache/venv-importer/bin
    make_venv .cache/venv-importer requirements-importer.txt
    copy_tree .cache/tree-importer
    rm -rf .cache/importer
    mkdir -p .cache/importer
    ansible-galaxy collection build --output-path .cache/importer .cache/tree-importer
    cd .cache/importer
    # It gives ansible-lint 180 s by the clock, and cannot be told otherwise: too little for a machine that is busy elsewhere.
    for _attempt in 1 2 3; do
        # It would lint what is installed in the home directory as well.
        HOME=$PWD PATH=$tools:/usr/local/bin:/usr/bin:/bin GALAXY_IMPORTER_CHECK_REQUIRED_TAGS=yes \
            python -m galaxy_importer.main taskfleet-celery-*.tar.gz 2>&1 | tee importer.log
        grep -qF 'Timeout on call to ansible-lint' importer.log || break
    done
    # The importer ends well on findings that Galaxy shows to everybody.
    if grep -qE '^(WARNING|ERROR)' importer.log; then
        die "galaxy-importer has warnings. Expected none."
    fi
}

# Leaves the output in .cache/logs/GATE.log, and `ok` or `FAILED` in .cache/logs/GATE.verdict.
run_gate() {
    local gate=$1 log=.cache/logs/$1.log verdict=ok status started tenths
    started=$(date +%s%N)
    # Not in a condition, which would switch `set -e` off within the gate.
    set +e
    (
        set -e
        "gate_${gate//-/_}"
    ) >"$log" 2>&1 </dev/null
    status=$?
    tenths=$((($(date +%s%N) - started) / 100000000))
    if [ "$status" -ne 0 ]; then
        verdict=FAILED
        tail -n 60 "$log" | sed "s/^/    $gate: /"
        printf '    %s: the whole output is in %s\n' "$gate" "$log"
    fi
    printf '%-6s %4d.%d s  %s\n' "$verdict" $((tenths / 10)) $((tenths % 10)) "$gate"
    echo "$verdict" >".cache/logs/$gate.verdict"
}

for gate in "$@"; do
    declare -F "gate_${gate//-/_}" >/dev/null || die "No gate is named '$gate'. Expected one of: ${gates[*]}"
done
[ $# -eq 0 ] || gates=("$@")

need_programs git rsync shellcheck
scripts/venv.sh dev
export PATH=$PWD/.venv/bin:$PATH
mkdir -p .cache/logs
rm -f .cache/logs/*.verdict .cache/lint.count

for gate in "${gates[@]}"; do
    until_fewer_jobs_than 2
    run_gate "$gate" &
done
wait

passed=0
for gate in "${gates[@]}"; do
    if grep -qsx ok ".cache/logs/$gate.verdict"; then
        passed=$((passed + 1))
    fi
done
failed=$((${#gates[@]} - passed))
echo "$passed $failed" >.cache/lint.count
[ "$failed" -eq 0 ]
