package ipfix

import "time"

type templateKey struct {
	domain uint32
	id     uint16
}

// held is a template with the time at which it was defined or repeated last.
type held struct {
	*Template
	seen time.Time
}

// Templates lists what is held, in no order.
func (s *Session) Templates() []*Template {
	out := make([]*Template, 0, len(s.templates))
	for _, h := range s.templates {
		out = append(out, h.Template)
	}
	return out
}

// learn holds a template if the limits allow. The Message's own Data Sets are
// read under it in any case.
func (s *Session) learn(now time.Time, domain uint32, st *step) {
	t := st.template
	key := templateKey{domain, t.id}
	fields, count := s.fields+len(t.fields), len(s.templates)
	old := s.templates[key]
	if old != nil {
		fields -= len(old.fields)
	} else {
		count++
	}
	if fields > s.limits.TemplateFields || count > s.limits.Templates {
		s.forgetExpired(now)
		fields, count = s.fields+len(t.fields), len(s.templates)+1
		if old = s.templates[key]; old != nil {
			fields, count = fields-len(old.fields), count-1
		}
	}
	if fields > s.limits.TemplateFields || count > s.limits.Templates {
		// The old definition is void, whether or not there is room for the new.
		s.forget(key)
		s.stats.RefusedTemplates++
		return
	}
	s.templates[key] = &held{t, now}
	s.fields = fields
	s.stats.TemplatesLearnt++
	s.stats.UnknownElements += uint64(st.unknown)
	s.stats.OddLengths += uint64(st.odd)
}

// withdraw takes the ID of a template, or of a Set for all of that kind. Over
// UDP, where Messages may overtake each other, it must be ignored (RFC 7011
// section 8.4).
func (s *Session) withdraw(domain uint32, id uint16) {
	if s.transport == UDP {
		s.stats.IgnoredWithdrawals++
		return
	}
	if id >= FirstTemplateID {
		s.forget(templateKey{domain, id})
		return
	}
	for key, h := range s.templates {
		if key.domain == domain && h.setID() == id {
			s.forget(key)
		}
	}
}

// forgetExpired makes room among templates that were not repeated over UDP.
func (s *Session) forgetExpired(now time.Time) {
	for key, h := range s.templates {
		if s.expired(now, h) {
			s.forget(key)
		}
	}
}

func (s *Session) forget(key templateKey) {
	if h := s.templates[key]; h != nil {
		delete(s.templates, key)
		s.fields -= len(h.fields)
		s.stats.TemplatesForgotten++
	}
}
