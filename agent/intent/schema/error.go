package schema

import "fmt"

// Code classifies an Error by who has to change what.
type Code uint8

const (
	// Malformed: the request is not a well-formed one.
	Malformed Code = iota
	// UnknownPath: the schema has no such node.
	UnknownPath
	// BadValue: the value does not fit the node, or breaks a rule of the model.
	BadValue
	// TooLarge: the request needs more than the server gives.
	TooLarge
)

// Error says which path a request is wrong at, and why.
type Error struct {
	Code   Code
	Path   string
	Reason string
}

// Error returns the path and the reason.
func (e *Error) Error() string { return e.Path + ": " + e.Reason }

func badValue(path, format string, args ...any) *Error {
	return &Error{BadValue, path, fmt.Sprintf(format, args...)}
}
