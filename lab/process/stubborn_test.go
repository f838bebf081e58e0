//go:build linux

package process

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// stubborn hears what it is asked and goes on.
func stubborn() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	fmt.Println("ready")
	<-c
	fmt.Println("asked")
	select {}
}
