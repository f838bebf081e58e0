// Package records declares what OpenIFIT's agents export and its controllers
// read: one Go struct for each kind of record, with the templates that carry it.
//
// Both sides share nothing but this: the exporter makes a Stream of a struct
// and its template, the collector hands Data Records to a Reader, which
// recognises kinds by the elements in their templates and never by template ID.
package records
