package closure

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Stage adds to a staged root what a spec says about Nix: system,
// additionalPaths, copyChannel with channel, configFile. It returns the root,
// which for onlyNixStore is another: the store's.
//
// What the store paths need is read from the spec's registration, or else from
// the store in its storeRoot. Errors name the option and its place in the spec.
func Stage(ctx context.Context, s *spec.Spec, root *tree.Node, epoch int64) (*tree.Node, error) {
	o := Options{Epoch: epoch}
	if s.StoreRoot != "" {
		var err error
		if o.StoreRoot, err = filepath.Abs(s.Resolve(s.StoreRoot)); err != nil {
			return nil, s.Errorf("storeRoot", "%v", err)
		}
		if o.StoreRoot == "/" {
			o.StoreRoot = ""
		}
	}
	w := &wanted{s: s, o: o}
	if err := w.find(); err != nil {
		return nil, err
	}
	if s.OnlyNixStore && len(w.roots) == 0 {
		return nil, s.Errorf("onlyNixStore", "which store paths? Name them in system or additionalPaths")
	}
	config := s.Resolve(s.ConfigFile)
	if strings.HasPrefix(config, StoreDir+"/") {
		config = filepath.Join("/", o.StoreRoot, config)
	}
	c := &Closure{}
	if len(w.roots) > 0 {
		var from Source = Local{Root: o.StoreRoot}
		if s.Registration != "" {
			from = Registration{File: s.Resolve(s.Registration)}
		}
		var err error
		if c, err = Read(ctx, w.roots, from); err != nil {
			return nil, at(ctx, s, w.first, err)
		}
	}
	if w.channelFolder != "" {
		version, suffix, err := Version(w.system, w.channelFolder, o.StoreRoot)
		if err != nil {
			return nil, s.Errorf("channel", "%v", err)
		}
		if w.channel, err = c.Channel(ctx, w.channelFolder, version, suffix, o); err != nil {
			return nil, at(ctx, s, "channel", err)
		}
	}
	if s.OnlyNixStore {
		root, err := c.Store(ctx, o)
		return root, at(ctx, s, w.first, err)
	}
	if len(c.Paths) == 0 {
		// An image that has nothing of Nix but, perhaps, its configuration.
		if s.ConfigFile == "" {
			return root, nil
		}
		r := &installer{root: root, epoch: epoch}
		err := r.configuration(ctx, config)
		return root, at(ctx, s, "configFile", err)
	}
	if s.ConfigFile != "" {
		// Said first, and with its own option's name.
		if _, err := os.Stat(config); err != nil {
			return nil, s.Errorf("configFile", "%s: %v", config, patherr.Bare(err))
		}
	}
	err := c.Install(ctx, root, System{Toplevel: w.system, Channel: w.channel, ConfigFile: config}, o)
	return root, at(ctx, s, w.first, err)
}

// at puts the place of an option before an error, but not before ctx's.
func at(ctx context.Context, s *spec.Spec, option string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.Errorf(option, "%v", err)
}

// wanted is what a spec names.
type wanted struct {
	s *spec.Spec
	o Options

	roots         []string // store paths
	first         string   // the option that named the first of them
	system        string   // store path; empty: none
	channel       string   // store path of a channel that is laid out already; empty: none
	channelFolder string   // source tree of a channel; empty: none
}

func (w *wanted) find() error {
	s := w.s
	if s.System != "" {
		p, err := Find(w.o.StoreRoot, s.Resolve(s.System))
		if err != nil {
			return s.Errorf("system", "%v", err)
		}
		w.system = p
		w.root("system", p)
	}
	if s.CopyChannel && s.Channel == "" {
		return s.Errorf("copyChannel", "which channel? Name it in channel: a nixpkgs tree, or a store path of one")
	}
	if s.CopyChannel {
		if err := w.findChannel(s.Resolve(s.Channel)); err != nil {
			return err
		}
	}
	for _, name := range s.AdditionalPaths {
		p, err := Find(w.o.StoreRoot, s.Resolve(name))
		if err != nil {
			return s.Errorf("additionalPaths", "%v", err)
		}
		w.root("additionalPaths", p)
	}
	if w.first == "" {
		w.first = "channel"
	}
	return nil
}

func (w *wanted) root(option, p string) {
	if w.first == "" {
		w.first = option
	}
	w.roots = append(w.roots, p)
}

// findChannel tells a channel that is laid out in the store, as make-disk-image
// makes it, from a source tree.
func (w *wanted) findChannel(name string) error {
	p, err := Find(w.o.StoreRoot, name)
	switch {
	case err == nil:
		host := filepath.Join("/", w.o.StoreRoot, p)
		if _, err := os.Lstat(filepath.Join(host, "nixos", ".version-suffix")); err == nil {
			w.channel = p
			w.root("channel", p)
			return nil
		}
		if path.Clean(name) == p {
			name = host
		} else if in, ok := strings.CutPrefix(path.Clean(name), p+"/"); ok {
			name = filepath.Join(host, in)
		}
	case !errors.Is(err, errElsewhere):
		return w.s.Errorf("channel", "%v", err)
	}
	fi, err := os.Stat(name)
	if err != nil {
		return w.s.Errorf("channel", "%s: %v", name, patherr.Bare(err))
	}
	if !fi.IsDir() {
		return w.s.Errorf("channel", "%s: a channel is a folder", name)
	}
	w.channelFolder = name
	return nil
}
