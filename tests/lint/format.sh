#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fails if clang-format would change a C++ file. `tests/lint/format.sh REPOSITORY --fix` changes them.
set -euo pipefail
cd "$1"
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'core/*.cc' 'core/*.h' 'cli/*.cc' 'cli/*.h' \
  'frontends/*.cc' 'frontends/*.h' 'tests/*.cc' 'tests/*.h')
existing=()
for file in "${files[@]}"; do if [ -e "$file" ]; then existing+=("$file"); fi; done
[ ${#existing[@]} -gt 0 ] || { echo "format.sh: git lists no files of $1" >&2; exit 1; }
if [ "${2:-}" = --fix ]; then exec clang-format-14 -i "${existing[@]}"; fi
exec clang-format-14 --dry-run --Werror "${existing[@]}"
