package ipfix

// staged is what the Message under examination does to the templates of its
// domain, so that its own Data Sets are read under its own definitions.
type staged struct {
	// templates by ID; nil for a withdrawn one.
	templates map[uint16]*Template
	// gone tells, by Set ID, that all templates of a kind were withdrawn.
	gone [OptionsTemplateSetID + 1]bool
}

func (s *staged) reset() {
	if len(s.templates) > 0 {
		clear(s.templates)
	}
	s.gone = [OptionsTemplateSetID + 1]bool{}
}

func (s *staged) learn(t *Template) {
	if s.templates == nil {
		s.templates = map[uint16]*Template{}
	}
	s.templates[t.id] = t
}

// withdraw takes the ID of a template, or of a Set for all of that kind.
func (s *staged) withdraw(id uint16) {
	if s.templates == nil {
		s.templates = map[uint16]*Template{}
	}
	if id >= FirstTemplateID {
		s.templates[id] = nil
		return
	}
	s.gone[id] = true
	for other, t := range s.templates {
		if t != nil && t.setID() == id {
			s.templates[other] = nil
		}
	}
}
