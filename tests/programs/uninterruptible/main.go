// SPDX-License-Identifier: BSD-2-Clause

// Uninterruptible has its first thread in a wait that nothing interrupts: for a child of vfork(2),
// which pauses until it is killed.
package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

type node struct{ next *node }

var list *node

func init() { runtime.LockOSThread() }

func waitForChild() {
	const flags = syscall.CLONE_VFORK | uintptr(syscall.SIGCHLD)
	child, _, _ := syscall.RawSyscall6(syscall.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	for child == 0 {
		// In the child, a copy of this process with this thread alone.
		syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
		syscall.RawSyscall(syscall.SYS_PAUSE, 0, 0, 0)
	}
}

func main() {
	for i := 0; i < 1000; i++ {
		list = &node{list}
	}
	go func() {
		for range time.Tick(time.Millisecond) {
		}
	}()
	time.Sleep(10 * time.Millisecond)
	fmt.Println("READY")
	waitForChild()
	time.Sleep(time.Hour)
}
