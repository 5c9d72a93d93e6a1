// Package efivars reads the variables of an EFI firmware's non-volatile
// memory, as a file: OVMF_VARS.fd and its like.
//
// The file is a firmware volume (UEFI Platform Initialization Specification
// 1.8, volume 3, section 3.2.1) whose data begins with a variable store. The
// store and its variables are EDK II's own and are specified by its
// MdeModulePkg/Include/Guid/VariableFormat.h; the times and the attributes
// are UEFI's (Specification 2.10, sections 8.2 and 8.3).
//
// Data runs one way: bytes in, a Store out. Both kinds of stores are read,
// with authenticated variables and with plain ones. What follows the store in
// the volume (the fault tolerant write's working space and its spare block) is
// told only as a range.
//
// It refuses what is not formatted or not healthy, volumes above MaxVolume,
// and headers whose checksum is wrong.
package efivars
