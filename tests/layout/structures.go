// SPDX-License-Identifier: BSD-2-Clause

// structures prints the structures of a Go program as its DWARF has them: a line with the name and the
// size in bytes of each, then a line for each field, with its name and offset. Fields of embedded
// structures are there too, as promoted ones.
//
//	structures PROGRAM NAME...
package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
)

// What Go's compiler says of an embedded field (cmd/internal/dwarf).
const attrGoEmbedded dwarf.Attr = 0x2903

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The structure that the type at an offset is, through its typedef; nil: it is none.
func structureAt(data *dwarf.Data, offset dwarf.Offset) *dwarf.Entry {
	reader := data.Reader()
	reader.Seek(offset)
	entry, err := reader.Next()
	fail(err)
	if entry.Tag == dwarf.TagTypedef {
		reader.Seek(entry.Val(dwarf.AttrType).(dwarf.Offset))
		entry, err = reader.Next()
		fail(err)
	}
	if entry.Tag != dwarf.TagStructType {
		return nil
	}
	return entry
}

// A structure's own fields go before those of the structures that it embeds, as in Go.
func printFields(data *dwarf.Data, structure *dwarf.Entry, base int64, seen map[string]bool) {
	var embedded []*dwarf.Entry
	reader := data.Reader()
	reader.Seek(structure.Offset)
	_, err := reader.Next()
	fail(err)
	for {
		entry, err := reader.Next()
		fail(err)
		if entry == nil || entry.Tag == 0 {
			break
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		offset, ok := entry.Val(dwarf.AttrDataMemberLoc).(int64)
		if entry.Tag != dwarf.TagMember || !ok {
			continue
		}
		if !seen[name] {
			fmt.Printf("field %s %d\n", name, base+offset)
			seen[name] = true
		}
		if is, _ := entry.Val(attrGoEmbedded).(bool); is {
			embedded = append(embedded, entry)
		}
	}
	for _, entry := range embedded {
		inner := structureAt(data, entry.Val(dwarf.AttrType).(dwarf.Offset))
		if inner != nil {
			printFields(data, inner, base+entry.Val(dwarf.AttrDataMemberLoc).(int64), seen)
		}
	}
}

func main() {
	wanted := map[string]bool{}
	for _, name := range os.Args[2:] {
		wanted[name] = true
	}
	file, err := elf.Open(os.Args[1])
	fail(err)
	data, err := file.DWARF()
	fail(err)
	for reader := data.Reader(); ; {
		entry, err := reader.Next()
		fail(err)
		if entry == nil {
			return
		}
		if entry.Tag == dwarf.TagSubprogram {
			reader.SkipChildren()
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		if entry.Tag == dwarf.TagStructType && wanted[name] {
			wanted[name] = false
			fmt.Printf("structure %s %d\n", name, entry.Val(dwarf.AttrByteSize).(int64))
			printFields(data, entry, 0, map[string]bool{})
		}
	}
}
