// Package ie is the IPFIX information model (RFC 7012): the registered
// Information Elements, their reverse twins (RFC 5103) and OpenIFIT's private
// elements under a configured enterprise number.
package ie

//go:generate go run ./gen -in gen/iana.csv -out iana_gen.go -table iana -id ID
//go:generate go run ./gen -in gen/ifit.csv -out ifit_gen.go -table ifit -id Private
