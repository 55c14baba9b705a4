// SPDX-License-Identifier: BSD-2-Clause

// Loader changes what is mapped as code: loader MODE GENERATION FILE.
//
//	plugin   loads the plugin FILE after a while, and then becomes itself anew, with one more GENERATION
//	library  loads the C library FILE, calls it, and unloads it, over and over, in two threads
//
// It collects garbage and keeps some memory meanwhile.
package main

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
//
// static int call(void *library)
// {
//	int (*function)(int) = (int (*)(int))dlsym(library, "answer");
//
//	return function ? function(1) : -1;
// }
import "C"

import (
	"fmt"
	"math/rand"
	"os"
	"plugin"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

type node struct {
	next *node
	data []byte
}

var keep *node

func collect() {
	for {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
}

func pause(milliseconds int) {
	time.Sleep(time.Duration(rand.Intn(milliseconds*1000)) * time.Microsecond)
}

func loadPlugin(path string, generation int) {
	pause(300)
	opened, err := plugin.Open(path)
	if err != nil {
		panic(err)
	}
	fill, err := opened.Lookup("Fill")
	if err != nil {
		panic(err)
	}
	fill.(func(int))(100)
	pause(200)
	arguments := []string{"loader", "plugin", strconv.Itoa(generation + 1), path}
	panic(syscall.Exec("/proc/self/exe", arguments, os.Environ()))
}

func loadLibrary(path string) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	for {
		library := C.dlopen(name, C.RTLD_NOW)
		if library == nil || C.call(library) != 42 {
			panic("the library is not what it was")
		}
		pause(2)
		C.dlclose(library)
		pause(2)
	}
}

func main() {
	rand.Seed(time.Now().UnixNano())
	generation, _ := strconv.Atoi(os.Args[2])
	for i := 0; i < 2000; i++ {
		keep = &node{keep, make([]byte, 64)}
	}
	if generation == 0 {
		fmt.Println("READY")
	}
	go collect()
	if os.Args[1] == "plugin" {
		loadPlugin(os.Args[3], generation)
	}
	go loadLibrary(os.Args[3])
	loadLibrary(os.Args[3])
}
