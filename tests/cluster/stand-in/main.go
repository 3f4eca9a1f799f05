// Command stand-in is what runs in the pods of CAST AI's workloads in tests: it
// does what its arguments say, one after the other, and then waits.
//
//	say TEXT      one line to the log
//	repeat TEXT   the same line each second from now on
//	flood         70 KiB of harmless lines
//	serve STATUS  the health port answers with this status from now on, /metrics with nothing
//	impostor      the health port answers as somebody else's server does
//	registry      every image is refused with 401 on port 5000
//	wait SECONDS
//	grow          takes memory until it is killed
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
	for words := os.Args[1:]; len(words) > 0; {
		word := words[0]
		words = words[1:]
		argument := func() (text string) {
			text, words = words[0], words[1:]
			return text
		}
		switch word {
		case "say":
			fmt.Fprintln(os.Stderr, argument())
		case "repeat":
			go repeat(argument())
		case "flood":
			for range 70 {
				fmt.Fprintf(os.Stderr, "time=\"x\" level=info msg=%q\n", strings.Repeat("nothing to speak of ", 50))
			}
		case "serve":
			status := number(argument())
			go listen(healthPort, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
			})
			go listen(metricsPort, func(http.ResponseWriter, *http.Request) {})
		case "impostor":
			go listen(healthPort, http.NotFound)
		case "registry":
			go listen(registryPort, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
			})
		case "wait":
			time.Sleep(time.Duration(number(argument())) * time.Second)
		case "grow":
			grow()
		case "exit":
			os.Exit(number(argument()))
		default:
			panic("unknown word " + word)
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

func listen(port string, answer http.HandlerFunc) {
	panic(http.ListenAndServe(port, answer))
}

func grow() {
	var taken [][]byte
	for {
		piece := make([]byte, 1<<20)
		for i := range piece {
			piece[i] = 1 // what nobody writes to costs nothing
		}
		taken = append(taken, piece)
	}
}
