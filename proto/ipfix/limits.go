package ipfix

import "time"

// Limits bound what one peer can make a Session hold. Zero values stand for
// the defaults.
type Limits struct {
	// Templates held, over all domains; default 512.
	Templates int
	// TemplateFields of all templates held; default 4096.
	TemplateFields int
	// Domains told apart; default 64.
	Domains int
	// PendingOctets of Data Sets that wait for their template; default 65536.
	PendingOctets int
	// PendingAge after which such a Set is given up; default 30 s.
	PendingAge time.Duration
	// TemplateLifetime over UDP, after which a template that was not repeated
	// is forgotten (RFC 7011 section 8.4); default 30 min.
	TemplateLifetime time.Duration
}

func (l Limits) withDefaults() Limits {
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or(&l.Templates, 512)
	or(&l.TemplateFields, 4096)
	or(&l.Domains, 64)
	or(&l.PendingOctets, 65536)
	if l.PendingAge <= 0 {
		l.PendingAge = 30 * time.Second
	}
	if l.TemplateLifetime <= 0 {
		l.TemplateLifetime = 30 * time.Minute
	}
	return l
}

// SessionStats counts what a Session received.
type SessionStats struct {
	// Messages accepted, with their Octets and DataRecords.
	Messages    uint64
	Octets      uint64
	DataRecords uint64
	// MalformedMessages were discarded whole, like RefusedMessages, which had
	// one Observation Domain too many.
	MalformedMessages uint64
	RefusedMessages   uint64
	// LostRecords is what gaps in the Sequence Numbers add up to, less what
	// arrived late.
	LostRecords uint64
	// LateMessages filled a gap; RepeatedMessages had been counted before.
	LateMessages     uint64
	RepeatedMessages uint64
	// Restarts of the numbering by the peer.
	Restarts uint64
	// Templates learnt or redefined, and withdrawn or expired.
	TemplatesLearnt    uint64
	TemplatesForgotten uint64
	// RefusedTemplates exceeded Limits; IgnoredWithdrawals came over UDP.
	RefusedTemplates   uint64
	IgnoredWithdrawals uint64
	// UnknownElements and OddLengths are fields of learnt templates that are
	// handed out as octets, since the model lacks the element or its length.
	UnknownElements uint64
	OddLengths      uint64
	// PendingSets waited for their template; DroppedSets never got it.
	PendingSets uint64
	DroppedSets uint64
}
