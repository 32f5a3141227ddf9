// The application of the tests: it tells on stdout what happens to it, a line each, with what it reads at that moment.
//
//	witness run [-code N] [-linger DURATION] [-serve ADDRESS] [-env NAME] PATH...
//	    "start CONTENT", "SIGHUP CONTENT", "POST /path CONTENT"; a SIGTERM ends it with N, after the linger.
//	    Content with the word "dies" ends it with 3, "hog" makes it take all the memory that there is,
//	    "sick" fails GET /healthz, "refuse" fails a POST. GET /long is answered after 10 s, GET /longer after 40 s.
//	    After POST /become/slow others are answered after 3 s, after /become/deaf never, and after /become/closed
//	    nobody listens any more.
//	witness check DIRECTORY
//	    1 if a file has the word "bad" in it.
//	witness post URL
//	    0 if the answer is 2xx.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "witness run|check|post ...")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "run":
		run(os.Args[2:])
	case "check":
		if strings.Contains(everything(os.Args[2:]), "bad") {
			fmt.Println("there is something bad in it")
			os.Exit(1)
		}
	case "post":
		answer, err := http.Post(os.Args[2], "text/plain", nil)
		if err != nil || answer.StatusCode/100 != 2 {
			os.Exit(1)
		}
	default:
		os.Exit(2)
	}
}

func run(words []string) {
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	code := flags.Int("code", 0, "the exit code after a SIGTERM")
	linger := flags.Duration("linger", 0, "from the SIGTERM to the end")
	address := flags.String("serve", "", "where it serves HTTP")
	name := flags.String("env", "", "a variable that is told with the content")
	_ = flags.Parse(words)
	paths := flags.Args()
	tell := func(what string) {
		text := everything(paths)
		line := what + " " + short(text)
		if *name != "" {
			line += " " + *name + "=" + os.Getenv(*name)
		}
		fmt.Println(line)
		if strings.Contains(text, "dies") {
			os.Exit(3)
		}
		if strings.Contains(text, "hog") {
			hog()
		}
	}
	// Before it says that it is there: whoever reads that line may signal at once.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	if *address != "" {
		serve(*address, paths, tell)
	}
	tell("start")
	for received := range signals {
		switch received {
		case syscall.SIGHUP:
			tell("SIGHUP")
		case syscall.SIGUSR1:
			tell("SIGUSR1")
		default:
			fmt.Println("stop")
			time.Sleep(*linger)
			os.Exit(*code)
		}
	}
}

func serve(address string, paths []string, tell func(string)) {
	server := &http.Server{Addr: address}
	var mood atomic.Value
	mood.Store("")
	answer := func(writer http.ResponseWriter, request *http.Request) {
		switch mood.Load() {
		case "deaf":
			<-request.Context().Done()
			return
		case "slow":
			time.Sleep(3 * time.Second)
		}
		switch request.URL.Path {
		case "/long":
			time.Sleep(10 * time.Second)
		case "/longer":
			time.Sleep(40 * time.Second)
		}
		text := everything(paths)
		sick := request.URL.Path == "/healthz" && strings.Contains(text, "sick")
		if request.Method == http.MethodPost {
			tell("POST " + request.URL.Path)
			sick = strings.Contains(text, "refuse")
			if become, is := strings.CutPrefix(request.URL.Path, "/become/"); is {
				mood.Store(become)
				if become == "closed" {
					// Once this is answered.
					defer func() { go func() { _ = server.Shutdown(context.Background()) }() }()
				}
			}
		}
		if sick {
			writer.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintln(writer, short(text))
	}
	server.Handler = http.HandlerFunc(answer)
	go func() {
		if err := server.ListenAndServe(); err != nil && err != http.ErrServerClosed {
			fmt.Println("serve", err)
			os.Exit(4)
		}
	}()
}

func hog() {
	var held [][]byte
	for {
		block := make([]byte, 1<<20)
		for place := range block {
			block[place] = 1
		}
		held = append(held, block)
		_ = held
	}
}
