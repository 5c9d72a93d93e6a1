// goask asks as Go programs do: without a C library.
package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

func main() {
	switch os.Args[1] {
	case "clock":
		fmt.Println("now", time.Now().Unix())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { fmt.Println("now", time.Now().Unix()) })
		}
		wg.Wait()
		if fi, err := os.Stat("."); err == nil {
			os.WriteFile("made", nil, 0o644)
			fi, err = os.Stat("made")
			fmt.Println("file", fi.ModTime().Unix())
			os.Remove("made")
		}
	case "stats":
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 500 {
					fi, err := os.Stat(os.Args[2])
					if err != nil {
						panic(err)
					}
					if _, err := os.Stat("/does/not/exist"); !os.IsNotExist(err) {
						panic(err)
					}
					if f, err := os.Open(os.Args[2]); err == nil {
						f.Stat()
						f.Close()
					}
					if sec := fi.ModTime().Unix(); sec%500 == 7 {
						runtime.GC()
					}
				}
				fi, _ := os.Stat(os.Args[2])
				fmt.Println("stat", fi.ModTime().Unix())
			})
			runtime.GC()
		}
		wg.Wait()
	case "random":
		b := make([]byte, 16)
		rand.Read(b)
		fmt.Printf("%x\n", b)
		f, _ := os.Open("/dev/urandom")
		f.Read(b)
		fmt.Printf("%x\n", b)
	case "dir":
		es, err := os.ReadDir(".")
		f, _ := os.Open(".")
		names, _ := f.Readdirnames(-1)
		for _, n := range names {
			fmt.Println(n)
		}
		if err != nil || len(es) != len(names) {
			fmt.Println(err, len(es), len(names))
		}
	}
}
