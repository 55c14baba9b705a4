// SPDX-License-Identifier: BSD-2-Clause

// Collects garbage when it gets SIGUSR1.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	fmt.Println("READY")
	for range asked {
		runtime.GC()
	}
}
