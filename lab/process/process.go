//go:build linux

// Package process starts, finds again and ends background processes.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process identifies a process by more than its number, which the kernel
// gives away again.
type Process struct {
	PID int `json:"pid"`
	// Start is the time of its start since boot, in clock ticks.
	Start uint64 `json:"start-ticks"`
}

// Start runs cmd in the background, in a session of its own, with its
// output appended to a log file, and records it in a pid file.
func Start(cmd *exec.Cmd, logFile, pidFile string) (Process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return Process{}, fmt.Errorf("open log of %s: %w", cmd.Path, err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	// A signal from the terminal is not for the background.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Process{}, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	// The child's end must be collected for as long as this process lives;
	// its exit status is in the log's hands.
	defer func() { go func() { _ = cmd.Wait() }() }()
	p := Process{PID: cmd.Process.Pid}
	if _, p.Start, err = stat(p.PID); err == nil {
		err = p.save(pidFile)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		return Process{}, fmt.Errorf("record %s: %w", cmd.Path, err)
	}
	return p, nil
}

func (p Process) save(path string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, data, 0o644); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// Read finds a process by its pid file. The error matches os.ErrNotExist
// when none was recorded.
func Read(pidFile string) (Process, error) {
	data, err := os.ReadFile(pidFile)
	if err != nil {
		return Process{}, fmt.Errorf("read pid file: %w", err)
	}
	var p Process
	if err := json.Unmarshal(data, &p); err != nil {
		return Process{}, fmt.Errorf("pid file %s: %w", pidFile, err)
	}
	if p.PID <= 1 {
		return Process{}, fmt.Errorf("pid file %s: pid %d is nobody's background process", pidFile, p.PID)
	}
	return p, nil
}

// Alive reports whether the very process still runs; a zombie does not.
func (p Process) Alive() bool {
	state, start, err := stat(p.PID)
	return err == nil && start == p.Start && state != 'Z' && state != 'X'
}

// Stop asks the process to end, and makes it end when it has not after the
// grace time. It is no error when the process is gone.
func (p Process) Stop(ctx context.Context, grace time.Duration) error {
	fd, err := p.open()
	if fd < 0 || err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := deliver(fd, unix.SIGTERM); err != nil {
		return fmt.Errorf("end process %d: %w", p.PID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if ended(ctx, fd) {
		return nil
	}
	return p.kill(fd)
}

// Kill ends the process at once, as kill -9 does, and returns when it is
// gone.
func (p Process) Kill() error {
	fd, err := p.open()
	if fd < 0 || err != nil {
		return err
	}
	defer unix.Close(fd)
	return p.kill(fd)
}

// A process that survives SIGKILL hangs in the kernel.
const hangs = 10 * time.Second

func (p Process) kill(fd int) error {
	if err := deliver(fd, unix.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", p.PID, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	defer cancel()
	if !ended(ctx, fd) {
		return fmt.Errorf("process %d did not end within %s after SIGKILL", p.PID, hangs)
	}
	return nil
}

// open returns a descriptor of the process, negative when it is gone. The
// identity is checked behind the open, so that the descriptor cannot mean
// another process with the same number.
func (p Process) open() (int, error) {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("open process %d: %w", p.PID, err)
	}
	if !p.Alive() {
		unix.Close(fd)
		return -1, nil
	}
	return fd, nil
}

func deliver(fd int, s unix.Signal) error {
	err := unix.PidfdSendSignal(fd, s, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// ended waits until the process is gone or the context is done.
func ended(ctx context.Context, fd int) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20)
		if n > 0 {
			return true
		}
		if ctx.Err() != nil || err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
	}
}

// stat reads state and start time out of /proc; see proc(5).
func stat(pid int) (state byte, start uint64, err error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, 0, err
	}
	// The command's name may hold spaces and parentheses.
	_, rest, ok := cutLast(string(data), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return 0, 0, fmt.Errorf("/proc/%d/stat: unknown format", pid)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return fields[0][0], start, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
