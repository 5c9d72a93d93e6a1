package inside

const (
	maxUnpacked = 48 << 20 // bytes that are decompressed of one side in total
	maxWindow   = 32 << 20 // bytes of a decompressor's window
	maxDepth    = 4        // formats inside of formats
	maxAll      = 200_000  // entries of all archives of both sides
	maxEntries  = 100_000  // of one archive
	maxNames    = 8 << 20  // bytes of all names of one archive
	maxName     = 64 << 10 // bytes of one name
	maxFields   = 200      // that are told in full
	maxValue    = 200      // bytes of a shown value
	maxText     = 1 << 20  // bytes of a text that is looked at
	maxDiff     = 16 << 10 // bytes of all diffs
	maxListing  = 20_000   // entries of a listing that is diffed
	maxWork     = 2 << 30  // bytes that are read of both sides together
	baseWork    = 64 << 20 // bytes that may always be read
	workFactor  = 16       // and how often each byte of the input
	maxLines    = 3 << 20  // bytes of lines that are searched for tokens
	maxDiffs    = 20       // texts that are diffed
	maxRemedies = 6        // that are told
	maxNotes    = 6        // that are told
)
