#!/bin/bash
# Runs pytest with these arguments: first, several at once, the tests that may run
# beside others; then, one by one, those with the mark `alone`, which measure how
# quick something is. Most tests wait for a timer, a server or a browser most of
# the time, so there are more processes than cores. A session's fixtures, such as
# the server that most tests share, are once in each process.
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

# Whether what is marked so has passed; nothing need be.
run() { # MARKS OPTION...
    local marks=$1
    shift
    "${TEST_VENV:-$here/../build/venv}/bin/python" -m pytest -q -p no:cacheprovider \
        -m "$marks${MARKS:+ and ($MARKS)}" "$@"
    case $? in
    0) some=1 ;;
    5) ;;
    *) return 1 ;;
    esac
}

failed=0
beside=()
[ "$jobs" -eq 1 ] || beside=(-p xdist -n "$jobs" --dist worksteal)
run "not alone" "${beside[@]}" "$@" || failed=1
# To look for some takes a second or two.
if grep -rqsw --include='*.py' ALONE -- "$@"; then
    run alone "$@" || failed=1
fi
[ "$failed" -eq 0 ] && [ "$some" -eq 1 ]
