// Writes a volume as the kubelet does, by its own code: for each line of standard input, `NUMBER TEXT`, a payload whose keys a, b and c
// begin with TEXT, and on standard output CLOCK_MONOTONIC in nanoseconds just before the new generation is put in its place.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/kubernetes/pkg/volume/util"
)

func now() int64 {
	var time unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &time) != nil {
		os.Exit(1)
	}
	return time.Nano()
}

func main() {
	writer, err := util.NewAtomicWriter(os.Args[1], "bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		text := lines.Text()
		file := func(size int) util.FileProjection {
			return util.FileProjection{Data: []byte(text + "\n" + strings.Repeat("x", size)), Mode: 0o644}
		}
		payload := map[string]util.FileProjection{"a": file(0), "b": file(500), "c": file(2000)}
		// Called when the generation is written and not yet in place; not at all where nothing has changed.
		var at int64
		if err := writer.Write(payload, func(string) error { at = now(); return nil }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(at)
	}
}
