package profile

import (
	"time"

	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Self is who the profile belongs to: the person and this device of theirs.
type Self struct {
	Seed    key.Seed
	Secret  key.DeviceSecret
	Address key.AddressSecret // of the person's cards
	// Former is the address secret before, as long as it still works; Renewed is when
	// Address took its place. Zero: only Address works.
	Former  key.AddressSecret
	Renewed time.Time
	Name    string
	Created time.Time
	Entries [][]byte // own device list, oldest first
	// SetBack is when this profile was found to be an older copy of itself, which
	// must not be used any more; zero: it is the newest.
	SetBack time.Time

	// derived
	Identity key.IdentityPrivate
	User     key.IdentityPublic
	Signer   key.DevicePrivate
	Device   key.DeviceID
	List     *device.List
}

type selfRecord struct {
	Version uint8    `cbor:"1,keyasint"`
	Seed    []byte   `cbor:"2,keyasint"`
	Secret  []byte   `cbor:"3,keyasint"`
	Address []byte   `cbor:"4,keyasint"`
	Name    string   `cbor:"5,keyasint"`
	Created uint64   `cbor:"6,keyasint"`
	Entries [][]byte `cbor:"7,keyasint"`
	SetBack uint64   `cbor:"8,keyasint,omitempty"`
	Former  []byte   `cbor:"9,keyasint,omitempty"`
	Renewed uint64   `cbor:"10,keyasint,omitempty"`
}

// NewSelf makes a new identity with its first device.
func NewSelf(name string, now time.Time) (*Self, error) {
	s := &Self{
		Seed: key.NewSeed(), Secret: key.NewDeviceSecret(), Address: key.NewAddressSecret(),
		Name: name, Created: now,
	}
	s.Entries = [][]byte{device.First(s.Seed.Identity(), s.Secret.Signer(), now).Encode()}
	return s, s.derive()
}

// derive fills in what follows from the secrets and the device list.
func (s *Self) derive() error {
	s.Identity, s.Signer = s.Seed.Identity(), s.Secret.Signer()
	s.User, s.Device = s.Identity.Public(), key.DeviceIDOf(s.Signer.Public())
	s.List = device.NewList(s.User)
	for _, b := range s.Entries {
		entry, err := device.ParseEntry(b)
		if err != nil {
			return err
		}
		if _, err := s.List.Accept(entry); err != nil {
			return err
		}
	}
	if !s.List.Live(s.Device) {
		return wire.ErrValue.Because("this device is not in its own device list")
	}
	return nil
}

// Newest is the newest entry of the own device list.
func (s *Self) Newest() []byte { return s.Entries[len(s.Entries)-1] }

// Row is the owner's row.
func (s *Self) Row() Row {
	r := selfRecord{
		Version: version, Seed: s.Seed.Bytes(), Secret: s.Secret.Bytes(), Address: s.Address.Bytes(),
		Name: s.Name, Created: wire.Millis(s.Created), Entries: s.Entries, SetBack: millis(s.SetBack),
	}
	if s.Overlaps() {
		r.Former, r.Renewed = s.Former.Bytes(), millis(s.Renewed)
	}
	return Row{Table: TableSelf, Key: []byte{1}, Data: wire.Marshal(r)}
}

// Overlaps reports whether the address secret before the present one still works.
func (s *Self) Overlaps() bool { return !s.Renewed.IsZero() }

// Lives reports whether an address secret of private cards works.
func (s *Self) Lives(a key.AddressSecret) bool {
	return s.Address.Equal(a.Bytes()) || s.Overlaps() && s.Former.Equal(a.Bytes())
}

// ParseSelf reads the owner's row.
func ParseSelf(row Row) (*Self, error) {
	var r selfRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	s := &Self{
		Name: r.Name, Created: wire.Time(r.Created), Entries: r.Entries, SetBack: moment(r.SetBack), Renewed: moment(r.Renewed),
	}
	var err error
	if s.Seed, err = key.SeedFrom(r.Seed); err != nil {
		return nil, err
	}
	if s.Secret, err = key.DeviceSecretFrom(r.Secret); err != nil {
		return nil, err
	}
	if s.Address, err = key.AddressSecretFrom(r.Address); err != nil {
		return nil, err
	}
	if s.Overlaps() {
		if s.Former, err = key.AddressSecretFrom(r.Former); err != nil {
			return nil, err
		}
	}
	return s, s.derive()
}
