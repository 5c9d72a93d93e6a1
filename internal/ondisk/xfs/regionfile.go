package xfs

import "github.com/reprodisk/reprodisk/internal/tree"

// inode accounts for the blocks of an inode.
func (a *account) inode(in *Inode) {
	kind := Data
	switch {
	case in.Type() == tree.Directory:
		kind = DirBlock
	case in.Type() == tree.Symlink:
		kind = TargetBlock
	case in.Flags&flagRealtime != 0:
		kind = Unclaimed // its blocks are on another device
	}
	if kind != Unclaimed && in.Format != formatLocal && in.Format != formatDev {
		a.fork(in, DataFork, kind)
	}
	if in.ForkOff != 0 {
		a.fork(in, AttrFork, AttrBlock)
	}
}

func (a *account) fork(in *Inode, f Fork, kind Kind) {
	fs := a.fs
	list, blocks, err := fs.Map(in, f)
	if err != nil {
		a.fail(err)
		return
	}
	size := int64(fs.SB.BlockSize)
	for _, n := range blocks {
		at := fs.block(n)
		a.add(Region{Start: at, End: at + size, Kind: ExtentTree, Ino: in.Ino})
	}
	for _, e := range list {
		at := fs.block(e.Start)
		r := Region{Start: at, End: at + int64(e.Count)<<fs.SB.BlockLog, Kind: kind, Ino: in.Ino, Off: int64(e.Offset) << fs.SB.BlockLog}
		if kind != Data {
			a.add(r)
			continue
		}
		if e.Unwritten {
			r.Kind = Unwritten
			a.add(r)
			continue
		}
		// What is behind the file's end is not its content.
		slack := r
		if inside := max(int64(in.Core.Size)-r.Off, 0); inside < r.End-r.Start {
			slack.Start += inside
			slack.Off += inside
			slack.Kind = Slack
			r.End = slack.Start
			a.add(slack)
		}
		a.add(r)
	}
}
