// SPDX-License-Identifier: BSD-2-Clause

// Sandboxed: a program with a seccomp filter, on all of its threads or on one, which is always running.
// The filter refuses userfaultfd, or ends the process at every call that is not on a list of what Go
// programs need. With "try" it makes the call itself, to show that the filter works.
package main

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	sysSeccomp     = 317
	sysUserfaultfd = 323
	allow          = 0x7fff0000
	refuse         = 0x00050000 | uint32(syscall.EPERM)
	kill           = 0x80000000
)

type instruction struct {
	code     uint16
	yes, not uint8
	k        uint32
}

type program struct {
	length uint16
	filter *instruction
}

var (
	kept []*[64]int
	sink *holder

	// What Go's runtime and this program call.
	needed = []uint32{
		syscall.SYS_READ, syscall.SYS_WRITE, syscall.SYS_CLOSE, syscall.SYS_MMAP,
		syscall.SYS_MUNMAP, syscall.SYS_MPROTECT, syscall.SYS_MADVISE, syscall.SYS_BRK,
		syscall.SYS_RT_SIGACTION, syscall.SYS_RT_SIGPROCMASK, syscall.SYS_RT_SIGRETURN,
		syscall.SYS_SIGALTSTACK, syscall.SYS_RESTART_SYSCALL, syscall.SYS_FUTEX,
		syscall.SYS_CLONE, 435 /* clone3 */, syscall.SYS_EXIT, syscall.SYS_EXIT_GROUP,
		syscall.SYS_NANOSLEEP, syscall.SYS_CLOCK_GETTIME, syscall.SYS_CLOCK_NANOSLEEP,
		syscall.SYS_SCHED_YIELD, syscall.SYS_SCHED_GETAFFINITY, syscall.SYS_GETPID,
		syscall.SYS_GETTID, syscall.SYS_TGKILL, syscall.SYS_TKILL, syscall.SYS_ARCH_PRCTL,
		syscall.SYS_EPOLL_CREATE1, syscall.SYS_EPOLL_CTL, syscall.SYS_EPOLL_PWAIT,
		syscall.SYS_EVENTFD2, syscall.SYS_PIPE2, syscall.SYS_FCNTL, syscall.SYS_OPENAT,
		syscall.SYS_PREAD64, 318 /* getrandom */, 334, /* rseq */
	}
)

// confine installs the filter, on this thread or on all.
func confine(action uint32, everywhere bool) {
	const load, jumpEqual, ret = 0x20, 0x15, 0x06
	code := []instruction{{load, 0, 0, 0}}
	if action == kill {
		for _, number := range needed {
			code = append(code, instruction{jumpEqual, 0, 1, number}, instruction{ret, 0, 0, allow})
		}
		code = append(code, instruction{ret, 0, 0, kill})
	} else {
		code = append(code, instruction{jumpEqual, 0, 1, sysUserfaultfd},
			instruction{ret, 0, 0, action}, instruction{ret, 0, 0, allow})
	}
	filter := program{uint16(len(code)), &code[0]}
	flags := uintptr(0)
	if everywhere {
		flags = 1 // SECCOMP_FILTER_FLAG_TSYNC
	}
	// Without privileges it needs PR_SET_NO_NEW_PRIVS.
	if _, _, err := syscall.RawSyscall6(syscall.SYS_PRCTL, 38, 1, 0, 0, 0, 0); err != 0 {
		panic(err)
	}
	if _, _, err := syscall.RawSyscall(sysSeccomp, 1, flags, uintptr(unsafe.Pointer(&filter))); err != 0 {
		panic(err)
	}
}

type holder struct {
	number *uint64
	rest   [5]uint64
}

// spin never stops, and holds something meanwhile.
//
//go:noinline
func spin(number uint64) {
	held := &holder{number: new(uint64)}
	sink = held
	sink = nil
	for number != 1 {
		number = number*3 + *held.number
		if number%2 == 0 {
			held.rest[number%5]++
		}
	}
	runtime.KeepAlive(held)
}

func init() {
	// The first thread has the main goroutine only, and no filter of another one.
	runtime.LockOSThread()
}

func main() {
	action := refuse
	if os.Args[1] == "kill" {
		action = kill
	}
	for i := 0; i < 1000; i++ {
		kept = append(kept, new([64]int))
	}
	if os.Args[2] == "process" {
		confine(action, true)
	}
	if len(os.Args) > 3 {
		_, _, err := syscall.RawSyscall(sysUserfaultfd, syscall.O_CLOEXEC, 0, 0)
		os.Stdout.WriteString(strconv.Itoa(int(err)) + "\n")
		return
	}
	started := make(chan bool)
	go func() {
		runtime.LockOSThread()
		if os.Args[2] == "thread" {
			confine(action, false)
		}
		started <- true
		spin(5)
	}()
	<-started
	os.Stdout.WriteString("READY\n")
	for {
		time.Sleep(time.Hour)
	}
}
