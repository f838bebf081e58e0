// Package sdk holds what one needs to write a probe for OpenIFIT: the header
// that every probe includes, and a probe to begin with.
package sdk

import _ "embed" // the two files below are the package

// Header is the content of ifit_probe.h.
//
//go:embed ifit_probe.h
var Header []byte

// Template is a probe that works. Where it says NAME goes a name that is an
// identifier of C.
//
//go:embed template/probe.c
var Template []byte
