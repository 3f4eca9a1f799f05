// Command stand-in replaces CAST AI's workloads in test pods. It runs the
// commands in its arguments one after the other, then sleeps.
//
//	log TEXT       log a line
//	repeat TEXT    log a line every second from now on
//	flood          log 70 KiB of harmless lines
//	serve STATUS   respond with this status on the health port, and with an empty page on /metrics
//	not-found      respond with 404 on the health port, as another server would
//	registry       reject image pulls with 401 on port 5000
//	idle ADDRESS N keep N connections open that send nothing
//	drip ADDRESS N keep N connections open that send one byte of a request per second
//	sleep SECONDS
//	allocate       allocate memory until killed
//	exit CODE
package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	healthPort   = ":9876"
	metricsPort  = ":9877"
	registryPort = ":5000"
)

func main() {
	for args := os.Args[1:]; len(args) > 0; {
		command := args[0]
		args = args[1:]
		argument := func() (text string) {
			text, args = args[0], args[1:]
			return text
		}
		switch command {
		case "log":
			fmt.Fprintln(os.Stderr, argument())
		case "repeat":
			go repeat(argument())
		case "flood":
			for range 70 {
				fmt.Fprintf(os.Stderr, "time=\"x\" level=info msg=%q\n", strings.Repeat("nothing of interest ", 50))
			}
		case "serve":
			status := number(argument())
			go listen(healthPort, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
			})
			go listen(metricsPort, func(http.ResponseWriter, *http.Request) {})
		case "not-found":
			go listen(healthPort, http.NotFound)
		case "registry":
			go listen(registryPort, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
			})
		case "idle":
			keepOpen(argument(), number(argument()), "")
		case "drip":
			keepOpen(argument(), number(argument()), slowRequest)
		case "sleep":
			time.Sleep(time.Duration(number(argument())) * time.Second)
		case "allocate":
			allocate()
		case "exit":
			os.Exit(number(argument()))
		default:
			panic("unknown command " + command)
		}
	}
	time.Sleep(1<<63 - 1)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func repeat(line string) {
	for {
		fmt.Fprintln(os.Stderr, line)
		time.Sleep(time.Second)
	}
}

func listen(port string, handler http.HandlerFunc) {
	panic(http.ListenAndServe(port, handler))
}

func allocate() {
	var blocks [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = 1 // untouched pages use no memory
		}
		blocks = append(blocks, block)
	}
}
