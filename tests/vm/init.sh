#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The first process of the guest: starts Go programs, attaches to them in every way, and tells the
# serial console what came of it. kernels.py, outside, judges. A case is
#
#     @@case NAME ARGUMENTS
#     (standard output and error)
#     @@status EXIT-STATUS STATE-OF-THE-TARGET
/bin/busybox mkdir -p /proc /sys /dev /tmp /usr/bin
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
# Alone on the console: the kernel's messages would come in between.
dmesg -n 1
echo "@@kernel $(uname -r)"

# The state of a process by its stat file: S, R, t (traced), T (stopped), or nothing.
state() {
	sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null
}

start() {
	"/programs/$1" >"/tmp/$1.out" 2>&1 &
	target=$!
	waited=0
	until grep -q READY "/tmp/$1.out" || [ $waited -gt 300 ]; do
		sleep 1
		waited=$((waited + 1))
	done
}

# try NAME ARGUMENTS...: attaches to $target.
try() {
	name=$1
	shift
	echo "@@case $name $*"
	# Through a file: on a terminal there would be the progress, too.
	grf-bpf attach -v -o /tmp/out "$@" "$target" >/tmp/log 2>&1
	status=$?
	cat /tmp/log
	echo "@@status $status $(state "$target")"
}

ways="precopy stop auto"
grf-bpf attach --help | grep -q 'fork' && ways="$ways fork"

for program in structs maps; do
	start $program
	for way in $ways; do
		try $program --copy "$way" --freeze now
	done
	try $program --copy precopy --freeze now --no-ebpf
	try $program --copy precopy --freeze now --no-userfaultfd
	try $program --copy precopy --freeze now --no-process-vm-readv
	try $program --copy stop --freeze now --no-ebpf
	try $program --copy precopy --freeze now --contents
	kill "$target"
done

# One CPU is left to grf-bpf: where both are emulated, a collection is over before it has its turn.
export GOMAXPROCS=1
start busy
for way in $ways; do
	for freeze in now gc auto; do
		try busy --copy "$way" --freeze $freeze --gc-wait 180s --max-pause 5s
	done
done
kill "$target"

for test in test_precopy test_hold; do
	echo "@@case $test"
	GRF_TEST_RUNS=@RUNS@ /tests/$test 2>&1
	echo "@@status $? -"
done
echo "@@dmesg"
dmesg | grep -E 'BUG:|WARNING:|Oops|Call Trace' | head -5
echo "@@done"
poweroff -f
