// Changes what it is: restless MODE [GENERATION].
//
//	exec         becomes itself anew after 150 ms or, every other time, up to a second, with one more
//	             GENERATION
//	told         becomes itself anew at SIGUSR1
//	fork         starts and awaits children, one after the other
//	exit         ends within half a second
//	thread       says the id of a thread, which ends at SIGUSR1
//	credentials  takes on another user id for a moment, and hides itself from others
//
// It collects garbage and keeps some memory meanwhile.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

type node struct {
	next *node
	data []byte
}

const prSetDumpable = 4

var keep *node

func collect() {
	for {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
}

// What takes as long as an attach is looked at to its end now and then.
func waitToBecomeAnew(generation int) {
	wait := 150 * time.Millisecond
	if generation%2 == 1 {
		wait += time.Duration(rand.Intn(850)) * time.Millisecond
	}
	time.Sleep(wait)
}

func waitToBeTold() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	fmt.Println("READY")
	<-told
}

func becomeAnew(mode string, generation int) {
	arguments := []string{"restless", mode, strconv.Itoa(generation + 1)}
	panic(syscall.Exec("/proc/self/exe", arguments, os.Environ()))
}

func startChildren() {
	for {
		if err := exec.Command("/bin/true").Run(); err != nil {
			panic(err)
		}
	}
}

// Both are of the thread or of the memory: what is done to threads all at once is left to exec.
func changeCredentials() {
	runtime.LockOSThread()
	for hidden := uintptr(0); ; hidden ^= 1 {
		syscall.RawSyscall6(syscall.SYS_PRCTL, prSetDumpable, hidden, 0, 0, 0, 0)
		syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), 65534, 0)
		time.Sleep(time.Duration(rand.Intn(20)) * time.Millisecond)
		syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), 0, 0)
	}
}

func endThread() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	started := make(chan int)
	go func() {
		// What is locked ends with its goroutine.
		runtime.LockOSThread()
		started <- syscall.Gettid()
		<-told
	}()
	fmt.Printf("{\"thread\": %d}\nREADY\n", <-started)
	select {}
}

func main() {
	rand.Seed(time.Now().UnixNano())
	generation := 0
	if len(os.Args) > 2 {
		generation, _ = strconv.Atoi(os.Args[2])
	}
	for i := 0; i < 2000; i++ {
		keep = &node{keep, make([]byte, 64)}
	}
	if generation == 0 && os.Args[1] != "thread" && os.Args[1] != "told" {
		fmt.Println("READY")
	}
	go collect()
	switch os.Args[1] {
	case "exec":
		waitToBecomeAnew(generation)
		becomeAnew("exec", generation)
	case "told":
		waitToBeTold()
		becomeAnew("told", generation)
	case "fork":
		startChildren()
	case "exit":
		time.Sleep(time.Duration(rand.Intn(500)) * time.Millisecond)
	case "thread":
		endThread()
	case "credentials":
		changeCredentials()
	}
}
