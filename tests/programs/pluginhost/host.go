// SPDX-License-Identifier: BSD-2-Clause

// Pluginhost: loads plugins.
package main

import (
	"os"
	"plugin"
	"runtime"
	"time"
)

var (
	made  []interface{}
	never = make(chan struct{})
	calls = make(chan struct{})
)

func look(opened *plugin.Plugin, name string) plugin.Symbol {
	symbol, err := opened.Lookup(name)
	if err != nil {
		panic(err)
	}
	return symbol
}

//go:noinline
func back() {
	calls <- struct{}{}
	<-never
}

func collect() {
	for {
		time.Sleep(20 * time.Millisecond)
		runtime.GC()
	}
}

func main() {
	for _, path := range os.Args[1:] {
		opened, err := plugin.Open(path)
		if err != nil {
			panic(err)
		}
		look(opened, "Fill").(func(int))(100)
		made = append(made, look(opened, "Make").(func() interface{})())
		go look(opened, "Call").(func(func()))(back)
		<-calls
	}
	go collect()
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	<-never
}
