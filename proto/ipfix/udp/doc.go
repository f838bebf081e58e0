// Package udp carries IPFIX Messages over UDP on Linux: a Sender for Exporting
// Processes, which hands many Messages to the kernel at once, and a Receiver
// for Collecting Processes, which tells what the kernel dropped.
package udp
