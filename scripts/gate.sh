#!/usr/bin/env bash
# Runs one gate, which needs no host.
#
# usage: scripts/gate.sh GATE
set -euo pipefail
. "$(dirname "$0")/lib.sh"

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
        die "There are sanity ignore files. Expected none. Fix what they hide."
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

# What a user has after `ansible-galaxy collection install`: the playbooks are found there, and preflight accepts the example
# and the README's inventory.
gate_artifact() {
    local installed=$PWD/.cache/artifact/ansible_collections/taskfleet/celery playbooks
    rm -rf .cache/artifact
    copy_tree .cache/artifact/tree
    ansible-galaxy collection build --output-path .cache/artifact .cache/artifact/tree
    export ANSIBLE_COLLECTIONS_PATH=$PWD/.cache/artifact
    # By force, as the checkout counts as installed.
    ansible-galaxy collection install --force --collections-path "$ANSIBLE_COLLECTIONS_PATH" \
        .cache/artifact/taskfleet-celery-*.tar.gz
    cd .cache/artifact
    mapfile -t playbooks < <(basename --suffix .yml "$installed"/playbooks/*.yml)
    ansible-playbook --inventory "$installed/inventories/example" --syntax-check "${playbooks[@]/#/taskfleet.celery.}"
    cat >preflight.yml <<'PLAYBOOK'
- hosts: celery
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: taskfleet.celery.celery_app, tasks_from: preflight}
    - ansible.builtin.include_role: {name: "taskfleet.celery.{{ item }}", tasks_from: preflight}
      loop: "{{ {'celery_workers': 'celery_worker', 'celery_beat': 'celery_beat', 'celery_flower': 'celery_flower'}
        | dict2items | selectattr('key', 'in', group_names) | map(attribute='value') | list }}"
PLAYBOOK
    ansible-playbook --inventory "$installed/inventories/example" preflight.yml
    awk '/^celery:$/ {found = 1} /^[^c ]/ {found = 0} found' "$installed/README.md" >hosts.yml
    ansible-playbook --inventory hosts.yml preflight.yml \
        --extra-vars '{"vault_secret_key": "a", "vault_redis_password": "b/c#d", "vault_flower_password": "d"}'
}

gate_importer() {
    local tools=$PWD/.cache/venv-importer/bin
    make_venv .cache/venv-importer requirements-importer.txt
    copy_tree .cache/tree-importer
    rm -rf .cache/importer
    mkdir -p .cache/importer
    ansible-galaxy collection build --output-path .cache/importer .cache/tree-importer
    cd .cache/importer
    # ansible-lint has a gate of its own, which is stricter.
    HOME=$PWD PATH=$tools:/usr/local/bin:/usr/bin:/bin \
        GALAXY_IMPORTER_CHECK_REQUIRED_TAGS=yes GALAXY_IMPORTER_RUN_ANSIBLE_LINT=no \
        python -m galaxy_importer.main taskfleet-celery-*.tar.gz 2>&1 | tee importer.log
    # The importer ends well on findings that Galaxy shows to everybody.
    if grep -qE '^(WARNING|ERROR)' importer.log; then
        die "galaxy-importer has warnings. Expected none."
    fi
}

gate=${1:?usage: scripts/gate.sh GATE}
declare -F "gate_${gate//-/_}" >/dev/null || die "No gate is named '$gate'."
export PATH=$PWD/.venv/bin:$PATH
"gate_${gate//-/_}"
