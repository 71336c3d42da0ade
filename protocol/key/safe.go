package key

// The safe is a small blob at each of a person's home gateways that only the
// holder of the 24 words finds and opens (docs/protocol/backup.md). Its name and
// its key come from the seed alone, so that a person who lost everything else
// can derive them, and from the gateway, so that no two gateways hold anything
// to compare. Nothing of it can be derived from the user ID.

const (
	safeNameSize   = 64 // the seed of a key 32 | its blinding factor 32
	safeCipherSize = 32
)

// backup is the key that everything for restoring is derived from.
func (s Seed) backup() [32]byte { return KDF32(LabelBackup, s.raw()) }

// safeKeys is what names the safe at a gateway, and the key that seals it:
// KDF("safe", backup key, network | node key, 96).
func safeKeys(s Seed, at Place) (name [safeNameSize]byte, cipher [safeCipherSize]byte) {
	backup := s.backup()
	full := KDF(LabelSafe, backup[:], Join(at.Network[:], at.Node[:]), nil, safeNameSize+safeCipherSize)
	return [safeNameSize]byte(full), [safeCipherSize]byte(full[safeNameSize:])
}

// SafeSigner makes the key that names the safe at a gateway and claims its
// place there: its public half is the name, in the form of a profile's.
func SafeSigner(s Seed, at Place) ProfilePrivate {
	name, _ := safeKeys(s, at)
	hidden := PrivateFromSeed[Identity]([32]byte(name[:]))
	return Blind[Profile](hidden, [32]byte(name[32:]), ContextBlindProfile)
}

// SafeCipherKey is the key of the safe at a gateway.
func SafeCipherKey(s Seed, at Place) [32]byte {
	_, cipher := safeKeys(s, at)
	return cipher
}

// ArchiveKey is the key of an exported archive that the 24 words open:
// KDF("archive", backup key, salt).
func ArchiveKey(s Seed, salt []byte) [32]byte {
	backup := s.backup()
	return [32]byte(KDF(LabelArchive, backup[:], nil, salt, 32))
}

// ArchivePassphraseKey is the key of an exported archive that a passphrase
// opens; stretched is what Argon2id (RFC 9106) made of the passphrase:
// KDF("archive", stretched, salt).
func ArchivePassphraseKey(stretched [32]byte, salt []byte) [32]byte {
	return [32]byte(KDF(LabelArchive, stretched[:], nil, salt, 32))
}
