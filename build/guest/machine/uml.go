package machine

import "errors"

func (c *Config) uml(h *hardware) (*command, error) { return nil, errors.New("machine: not yet") }
