// SPDX-License-Identifier: Apache-2.0
// A Go program that serves itself, writes files, starts a program and many goroutines.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"time"
)

func main() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hi") }))
	r, _ := http.Get(s.URL)
	io.ReadAll(r.Body)
	s.Close()
	os.WriteFile("g", []byte("x"), 0600)
	os.Rename("g", "h")
	os.Remove("h")
	exec.Command("/bin/true").Run()
	time.Sleep(time.Millisecond)
	os.ReadDir("/tmp")
	fmt.Println(os.Getpid(), os.Args)
	c := make(chan int)
	for i := 0; i < 50; i++ {
		go func() { c <- 1 }()
	}
	for i := 0; i < 50; i++ {
		<-c
	}
}
