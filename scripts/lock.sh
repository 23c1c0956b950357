#!/usr/bin/env bash
# Compiles requirements.txt and requirements-dev.txt from pyproject.toml: exact pins of everything, with
# markers where platforms differ. Run it after changing a dependency:  pip install uv && scripts/lock.sh
# Pass --upgrade to move every pin to the newest version that the ranges admit.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-emit-index-url \
    --no-annotate --quiet "$@"
}
compile "$@" --output-file requirements.txt
compile "$@" --group dev --constraints requirements.txt --output-file requirements-dev.txt
