package spec

// settleClosure fills in the defaults that depend on a system: its channel is
// copied where one is named.
func (s *Spec) settleClosure() {
	if _, given := s.at["copyChannel"]; !given {
		s.CopyChannel = s.Channel != ""
	}
}

// checkClosure finds what is wrong between the options about Nix.
func (s *Spec) checkClosure() error {
	_, channel := s.at["channel"]
	switch {
	case s.Channel != "" && channel && !s.CopyChannel:
		return s.Errorf("channel", "copyChannel is false; leave one of them out")
	case s.Registration != "" && s.System == "" && len(s.AdditionalPaths) == 0 && s.Channel == "":
		return s.Errorf("registration", "is of no use without system, additionalPaths or channel")
	}
	return nil
}
