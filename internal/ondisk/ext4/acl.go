package ext4

// Forms of a POSIX ACL: as stored (fs/ext4/acl.h), without an id for the
// entries that need none, and as getxattr(2) gives it
// (include/uapi/linux/posix_acl_xattr.h).
const (
	aclVersionDisk  = 1
	aclVersionXattr = 2

	aclShort = 4 // e_tag, e_perm
	aclLong  = 8 // and e_id

	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20

	aclUndefinedID = 0xFFFFFFFF
)

// ACLFromDisk turns a stored ACL into the form of getxattr(2). ok is false
// where b is no ACL.
func ACLFromDisk(b []byte) (out []byte, ok bool) {
	if len(b) < 4 || le.Uint32(b) != aclVersionDisk {
		return nil, false
	}
	out = le.AppendUint32(nil, aclVersionXattr)
	for b = b[4:]; len(b) > 0; {
		if len(b) < aclShort {
			return nil, false
		}
		out = append(out, b[:aclShort]...)
		switch le.Uint16(b) {
		case aclUser, aclGroup:
			if len(b) < aclLong {
				return nil, false
			}
			out = append(out, b[aclShort:aclLong]...)
			b = b[aclLong:]
		case aclUserObj, aclGroupObj, aclMask, aclOther:
			out = le.AppendUint32(out, aclUndefinedID)
			b = b[aclShort:]
		default:
			return nil, false
		}
	}
	return out, true
}

// ACLToDisk is the reverse of ACLFromDisk.
func ACLToDisk(b []byte) (out []byte, ok bool) {
	if len(b) < 4 || len(b)%aclLong != 4 || le.Uint32(b) != aclVersionXattr {
		return nil, false
	}
	out = le.AppendUint32(nil, aclVersionDisk)
	for b = b[4:]; len(b) > 0; b = b[aclLong:] {
		switch le.Uint16(b) {
		case aclUser, aclGroup:
			out = append(out, b[:aclLong]...)
		case aclUserObj, aclGroupObj, aclMask, aclOther:
			out = append(out, b[:aclShort]...)
		default:
			return nil, false
		}
	}
	return out, true
}
