#!/bin/bash
# Runs pytest with these arguments: first, several at once, the tests that may run
# beside others; then, one by one, those with the mark `alone`, which measure how
# quick something is. Most tests wait for a timer, a server or a browser most of
# the time, so there are more processes than cores. A session's fixtures, such as
# the server that most tests share, are once in each process.
#
# With CI=true, up to three that fail run once more, by themselves. One that passes
# then is unsteady, which is a fault of it or of the program, and is said to be.
#
#     TEST_JOBS=3    so many at once, and no more; 1: in one process
#     MARKS=         of the tests to run, as pytest's -m has it
#     TEST_VENV=     the environment whose Python runs them, instead of build/venv
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

cores=$(nproc)
jobs=${TEST_JOBS:-$((cores < 8 ? cores + 1 : 8))}
# No plugin but ours: to import the others takes longer than some stages.
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
some=0

# pytest notes here what has failed.
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
[ "${CI-}" = true ] && limit=3 || limit=0

python_test() { # OPTION...
    "${TEST_VENV:-$here/../build/venv}/bin/python" -m pytest -q \
        -o cache_dir="$cache" "$@"
}

run_again() { # MARKS FILE...
    local failed
    failed=$(grep -c ': true' "$cache/v/cache/lastfailed" 2>/dev/null)
    [ "${failed:-0}" -ge 1 ] && [ "$failed" -le "$limit" ] || return 1
    echo "--- once more, $failed that failed"
    python_test --lf --lfnf=none -m "$1" "${@:2}" || return 1
    echo "unsteady: $failed"
}

# Whether what is marked so has passed; nothing need be.
run() { # MARKS BESIDE FILE...
    local marks="$1${MARKS:+ and ($MARKS)}" beside=$2
    shift 2
    # shellcheck disable=SC2086  # several options
    python_test -m "$marks" $beside "$@"
    case $? in
    0) some=1 ;;
    1) run_again "$marks" "$@" && some=1 ;;
    5) ;;
    *) return 1 ;;
    esac
}

failed=0
beside=""
[ "$jobs" -eq 1 ] || beside="-p xdist -n $jobs --dist worksteal"
run "not alone" "$beside" "$@" || failed=1
# To look for some takes a second or two.
if grep -rqsw --include='*.py' ALONE -- "$@"; then
    run alone "" "$@" || failed=1
fi
[ "$failed" -eq 0 ] && [ "$some" -eq 1 ]
