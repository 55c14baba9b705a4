#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds a small Go service, runs it, and shows what keeps its memory alive.
set -eu
build=${1:?build folder}
here=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/local/go/bin

echo "building the demo service"
(cd "$here/tests/programs" && GOFLAGS= GOTOOLCHAIN=local go build -o "$here/$build/demo" ./demo)
"$here/$build/demo" >"$build/demo.log" &
pid=$!
trap 'kill $pid 2>/dev/null || true' EXIT
for _ in $(seq 100); do
	grep -q READY "$build/demo.log" && break
	sleep 0.1
done
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
echo "grf-bpf attach $pid"
$sudo "$here/$build/grf-bpf" attach "$pid" -o grf.out
echo
echo "Look at it:  go tool pprof -http=: grf.out     (View > Flame Graph)"
