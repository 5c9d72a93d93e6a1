package probe

// usage tells a layer that others lie on from what is used by itself.
type usage uint8

const (
	filesystem usage = iota
	raid             // a member of an array or of a volume group
	crypto           // data that another layer deciphers or verifies
	other            // swap, journals
)

// magic is a signature's bytes. They stand at the byte base+at of the range,
// where base is the first byte of the structure that holds them.
type magic struct {
	text string
	base int64
	at   int64
}

// signature is how one format is known.
type signature struct {
	name     string
	usage    usage
	tolerant bool    // may share its place with another filesystem
	minSize  int64   // bytes
	magics   []magic // none: decode finds its structure by itself
	// decode confirms the format and reads everything but the Type.
	decode func(s *source, m magic) (Info, bool)
}

var extMagic = []magic{{"\x53\xef", 1024, 56}}

// signatures are the formats in the order in which libblkid asks for them.
var signatures = []signature{
	{name: "linux_raid_member", usage: raid, decode: decodeRAID},
	{name: "LVM2_member", usage: raid, decode: decodeLVM2, magics: []magic{
		{"LVM2 001", 512, 24}, {"LVM2 001", 0, 24}, {"LVM2 001", 1024, 24}, {"LVM2 001", 1536, 24},
	}},
	{name: "DM_snapshot_cow", usage: other, decode: decodeNothing, magics: []magic{{"SnAp", 0, 0}}},
	{name: "DM_verity_hash", usage: crypto, decode: decodeVerity, magics: []magic{{"verity\x00\x00", 0, 0}}},
	{name: "crypto_LUKS", usage: crypto, decode: decodeLUKS},
	{name: "BitLocker", usage: crypto, decode: decodeBitLocker, magics: []magic{
		{bitLockerVista, 0, 0}, {bitLocker7, 0, 0}, {bitLockerToGo, 0, 0},
	}},
	{name: "vfat", decode: decodeFAT, magics: []magic{
		{"MSWIN", 0, 0x52},
		{"FAT32   ", 0, 0x52},
		{"MSDOS", 0, 0x36},
		{"FAT16   ", 0, 0x36},
		{"FAT12   ", 0, 0x36},
		{"FAT     ", 0, 0x36},
		{"\xeb", 0, 0},
		{"\xe9", 0, 0},
		{"\x55\xaa", 0, 0x1fe},
	}},
	{name: "swsuspend", usage: other, minSize: 10 * 4096, decode: decodeSuspend, magics: append(
		[]magic{{tuxOnIce, 0, 0}}, atPageEnds("S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001")...)},
	{name: "swap", usage: other, minSize: 10 * 4096, decode: decodeSwap, magics: atPageEnds("SWAP-SPACE", "SWAPSPACE2")},
	{name: "xfs", decode: decodeXFS, magics: []magic{{"XFSB", 0, 0}}},
	{name: "ext4", decode: decodeExt4, magics: extMagic},
	{name: "ext3", decode: decodeExt3, magics: extMagic},
	{name: "ext2", decode: decodeExt2, magics: extMagic},
	{name: "jbd", usage: other, decode: decodeJBD, magics: extMagic},
	{name: "udf", tolerant: true, decode: decodeUDF, magics: []magic{
		{"BEA01", 32 << 10, 1},
		{"BOOT2", 32 << 10, 1},
		{"CD001", 32 << 10, 1},
		{"CDW02", 32 << 10, 1},
		{"NSR02", 32 << 10, 1},
		{"NSR03", 32 << 10, 1},
		{"TEA01", 32 << 10, 1},
	}},
	{name: "iso9660", tolerant: true, decode: decodeISO, magics: []magic{{"CD001", 32 << 10, 1}, {highSierra, 32 << 10, 9}}},
	{name: "hfsplus", decode: decodeHFSPlus, magics: []magic{{"BD", 1024, 0}, {"H+", 1024, 0}, {"HX", 1024, 0}}},
	{name: "hfs", tolerant: true, decode: decodeHFS, magics: []magic{{"BD", 1024, 0}}},
	{name: "ntfs", decode: decodeNTFS, magics: []magic{{"NTFS    ", 0, 3}}},
	{name: "cramfs", decode: decodeCramfs, magics: []magic{{"\x45\x3d\xcd\x28", 0, 0}, {"\x28\xcd\x3d\x45", 0, 0}}},
	{name: "minix", decode: decodeMinix, magics: []magic{
		{"\x7f\x13", 1024, 16},
		{"\x8f\x13", 1024, 16},
		{"\x13\x7f", 1024, 16},
		{"\x13\x8f", 1024, 16},
		{"\x68\x24", 1024, 16},
		{"\x78\x24", 1024, 16},
		{"\x24\x68", 1024, 16},
		{"\x24\x78", 1024, 16},
		{"\x5a\x4d", 1024, 24},
		{"\x4d\x5a", 1024, 24},
	}},
	{name: "squashfs", decode: decodeSquashfs, magics: []magic{{"hsqs", 0, 0}}},
	{name: "squashfs3", decode: decodeSquashfs3, magics: []magic{{"sqsh", 0, 0}, {"hsqs", 0, 0}}},
	{name: "btrfs", decode: decodeBtrfs, magics: []magic{{"_BHRfS_M", 64 << 10, 64}}},
	{name: "nilfs2", minSize: 1 << 20, decode: decodeNilfs2},
	{name: "exfat", decode: decodeExFAT, magics: []magic{{"EXFAT   ", 0, 3}}},
	{name: "f2fs", decode: decodeF2FS, magics: []magic{{"\x10\x20\xf5\xf2", 1024, 0}}},
	{name: "apfs", decode: decodeAPFS, magics: []magic{{"NXSB", 0, 32}}},
	{name: "erofs", decode: decodeEROFS, magics: []magic{{"\xe2\xe1\xf5\xe0", 1024, 0}}},
}

// atPageEnds are the places of swap's signatures: the last 10 bytes of the
// first page, for every size of page that Linux runs with.
func atPageEnds(texts ...string) []magic {
	var all []magic
	for page := int64(4 << 10); page <= 64<<10; page *= 2 {
		for _, t := range texts {
			all = append(all, magic{t, 0, page - 10})
		}
	}
	return all
}

// decodeNothing is for a format whose magic says everything.
func decodeNothing(*source, magic) (Info, bool) { return Info{}, true }
