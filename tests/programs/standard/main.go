// SPDX-License-Identifier: BSD-2-Clause

// A value of each type that the code of a program with much of the standard library makes or refers
// to, filled with what may stand there: roots[i] points to it, and says nothing of its type. A file
// has the descriptors, one a line: its address, a hexadecimal number, and 1 where the code makes a
// value of it. What each root of the latter points to is printed: {"i": [names that are true of it]}.
package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/flate"
	"container/list"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"debug/elf"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"expvar"
	"fmt"
	"go/parser"
	"go/printer"
	"go/types"
	"html/template"
	"image/gif"
	"image/png"
	"log/slog"
	"math/big"
	"math/rand"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"net/rpc"
	"net/smtp"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unsafe"
)

// Keeps the linker from leaving these out.
var keep = []interface{}{
	tar.NewReader, tar.NewWriter, zip.OpenReader, zip.NewWriter, bufio.NewScanner, flate.NewWriter, list.New,
	context.WithCancelCause, tls.Dial, x509.ParseCertificate, sql.Open, elf.Open, gob.NewDecoder,
	gob.NewEncoder, json.Unmarshal, json.MarshalIndent, xml.Unmarshal, xml.Marshal, expvar.NewMap,
	parser.ParseDir, printer.Fprint, types.NewChecker, template.ParseFiles, gif.EncodeAll, png.Encode,
	slog.NewJSONHandler, slog.NewTextHandler, big.NewFloat, multipart.NewReader, http.ListenAndServe,
	cookiejar.New, httputil.NewSingleHostReverseProxy, rpc.Dial, smtp.SendMail, exec.CommandContext,
	signal.Notify, filepath.WalkDir, regexp.MustCompile, tabwriter.NewWriter, new(sync.Map), time.AfterFunc,
}

const (
	instances = 4
	maxRoots  = 32768
	maxDepth  = 4
	maxSize   = 512
)

// Sentinel is of a size and shape of its own: its place is that of the first root.
type Sentinel struct {
	Text    string
	Numbers [3]int
	Next    *Sentinel
	Any     interface{}
	List    []string
}

// Root holds what a descriptor in the file names.
var roots [maxRoots]unsafe.Pointer

var (
	known        []reflect.Type
	isMade       = map[reflect.Type]bool{}
	implementers = map[reflect.Type][]reflect.Type{}
	random       = rand.New(rand.NewSource(1))
	nothing      = func() {}
)

// typeAt gives the type whose descriptor is at an address.
func typeAt(address uintptr) reflect.Type {
	words := [2]uintptr{address, 0}
	return reflect.TypeOf(*(*interface{})(unsafe.Pointer(&words)))
}

func readTypes(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		address, err := strconv.ParseUint(strings.Fields(line)[0], 16, 64)
		if err != nil {
			panic(err)
		}
		known = append(known, typeAt(uintptr(address)))
		isMade[known[len(known)-1]] = strings.HasSuffix(line, " 1")
	}
}

// ofRuntime tells what only the runtime makes, some of it out of the heap.
func ofRuntime(t reflect.Type) bool {
	path := t.PkgPath()
	return path == "runtime" || strings.HasPrefix(path, "runtime/") && path != "runtime/pprof" ||
		strings.HasPrefix(path, "internal/runtime") || path == "internal/abi" || path == "main"
}

func implementersOf(t reflect.Type) []reflect.Type {
	found, ok := implementers[t]
	if ok {
		return found
	}
	for _, k := range known {
		if len(found) < 6 && k.Kind() != reflect.Interface && !ofRuntime(k) && k.Size() > 0 && k.Implements(t) {
			found = append(found, k)
		}
	}
	implementers[t] = found
	return found
}

func fillInterface(v reflect.Value, depth int) {
	if v.NumMethod() == 0 {
		choices := []interface{}{"text" + strconv.Itoa(random.Intn(100)), random.Intn(1000), new(Sentinel)}
		v.Set(reflect.ValueOf(choices[random.Intn(len(choices))]))
		return
	}
	found := implementersOf(v.Type())
	if len(found) > 0 {
		v.Set(make1(found[random.Intn(len(found))], depth-1).Elem())
	}
}

func fillMap(v reflect.Value, depth int) {
	v.Set(reflect.MakeMap(v.Type()))
	defer func() { _ = recover() }()
	for i := random.Intn(3); i >= 0; i-- {
		v.SetMapIndex(make1(v.Type().Key(), depth-1).Elem(), make1(v.Type().Elem(), depth-1).Elem())
	}
}

func fillSlice(v reflect.Value, depth int) {
	length := 1 + random.Intn(3)
	made := reflect.MakeSlice(v.Type(), length, length+random.Intn(2))
	for i := 0; i < length; i++ {
		fill(made.Index(i), depth-1)
	}
	v.Set(made)
}

func fillStruct(v reflect.Value, depth int) {
	for i := 0; i < v.NumField(); i++ {
		field := v.Field(i)
		// sync/atomic.Pointer[T] has a field of [0]*T first, and its pointer last.
		if field.Kind() == reflect.UnsafePointer && v.Type().PkgPath() == "sync/atomic" &&
			v.Field(0).Kind() == reflect.Array && depth > 0 {
			target := v.Type().Field(0).Type.Elem().Elem()
			*(*unsafe.Pointer)(unsafe.Pointer(field.UnsafeAddr())) =
				make1(target, depth-1).UnsafePointer()
			continue
		}
		fill(field, depth)
	}
}

func fill(v reflect.Value, depth int) {
	if v.Type().Size() == 0 {
		return
	}
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	none := depth <= 0 || random.Intn(5) == 0
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(random.Intn(2) == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.Intn(100)))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(uint64(random.Intn(100)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(random.Float64())
	case reflect.String:
		v.SetString(strings.Repeat("x", random.Intn(40)))
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			fill(v.Index(i), depth)
		}
	case reflect.Struct:
		fillStruct(v, depth)
	case reflect.Func:
		if random.Intn(2) == 0 {
			*(*unsafe.Pointer)(unsafe.Pointer(v.UnsafeAddr())) = *(*unsafe.Pointer)(unsafe.Pointer(&nothing))
		}
	}
	if none {
		return
	}
	switch v.Kind() {
	case reflect.Ptr:
		if !ofRuntime(v.Type().Elem()) {
			v.Set(make1(v.Type().Elem(), depth-1).Convert(v.Type()))
		}
	case reflect.Slice:
		fillSlice(v, depth)
	case reflect.Map:
		fillMap(v, depth)
	case reflect.Chan:
		made := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, v.Type().Elem()), 1)
		v.Set(made.Convert(v.Type()))
	case reflect.Interface:
		fillInterface(v, depth)
	}
}

// make1 allocates a value of a type and fills it.
func make1(t reflect.Type, depth int) reflect.Value {
	made := reflect.New(t)
	fill(made.Elem(), depth)
	return made
}

// standsAlone tells what is an object of pointers and more by itself.
func standsAlone(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Array, reflect.String, reflect.Slice, reflect.Interface, reflect.Ptr:
		return t.Size() > 0 && t.Size() <= maxSize && !ofRuntime(t)
	}
	return false
}

// nameOf has the package by its path, of which the last element is not always the package's name.
func nameOf(t reflect.Type) string {
	if t.PkgPath() == "" || strings.Contains(t.Name(), "[") {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}

// namesOf gives what a value of a type may rightly be called: its type, that of its elements, that of
// what it begins with.
func namesOf(t reflect.Type) []string {
	names := []string{nameOf(t)}
	for t.Size() > 0 {
		switch {
		case t.Kind() == reflect.Array:
			t = t.Elem()
		case t.Kind() == reflect.Struct && t.NumField() > 0:
			t = t.Field(0).Type
		default:
			return names
		}
		names = append(names, nameOf(t))
	}
	return names
}

func main() {
	readTypes(os.Args[1])
	sentinel := &Sentinel{Text: strings.Repeat("y", 20), Numbers: [3]int{1, 2, 3}, Any: 1000}
	sentinel.Next = &Sentinel{List: []string{"a", "b"}}
	roots[0] = unsafe.Pointer(sentinel)
	output := bufio.NewWriter(os.Stdout)
	last := 0
	for _, t := range known {
		if !standsAlone(t) || last+instances >= maxRoots {
			continue
		}
		for i := 0; i < instances; i++ {
			last++
			roots[last] = make1(t, maxDepth).UnsafePointer()
			if isMade[t] {
				names, _ := json.Marshal(namesOf(t))
				fmt.Fprintf(output, "{\"%d\": %s}\n", last, names)
			}
		}
	}
	output.Flush()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	runtime.KeepAlive(keep)
}
