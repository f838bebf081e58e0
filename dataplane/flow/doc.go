// Package flow holds what the kernel measured, as Go values: flow records,
// postcards, events and heavy flows. It knows neither eBPF nor policies.
package flow
