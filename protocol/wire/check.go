package wire

// Check holds a payload against the limits of its kind that its encoding leaves
// open: sizes and numbers of what is in it. Whoever decodes a payload from
// outside calls it right afterwards. The types that have such limits have a
// method Check; for all others nil is returned. What the bytes mean is not looked
// at: contacts are still to be parsed, signatures, stamps and records to be checked.
// Errors: ErrTooLarge for too many or too much, ErrValue for anything else.
func Check(p Payload) error {
	if c, ok := p.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// sized is ErrTooLarge above most, and ErrValue for another size than those allowed.
func sized(what string, n, most int, allowed ...int) error {
	if n > most {
		return ErrTooLarge.Because(what)
	}
	for _, a := range allowed {
		if n == a {
			return nil
		}
	}
	if len(allowed) > 0 {
		return ErrValue.Because(what)
	}
	return nil
}

// counted is ErrTooLarge above most, and ErrValue for none.
func counted(what string, n, most int) error {
	switch {
	case n > most:
		return ErrTooLarge.Because(what)
	case n == 0:
		return ErrValue.Because(what)
	}
	return nil
}

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Check: Node has 32 or 16 bytes, Gateway ContactSize or none.
func (p *ClientHello) Check() error {
	return first(
		sized("the gateway's key", len(p.Node), 32, 16, 32),
		sized("the caller's contact", len(p.Gateway), ContactSize, 0, ContactSize),
	)
}

// Check: Descriptor has at most MaxDescriptor bytes.
func (p *ServerHello) Check() error {
	return sized("the descriptor", len(p.Descriptor), MaxDescriptor)
}

// checkContacts: whole contacts, at most MaxContacts.
func checkContacts(b []byte) error {
	switch {
	case len(b) > MaxContacts*ContactSize:
		return ErrTooLarge.Because("the contacts")
	case len(b)%ContactSize != 0:
		return ErrValue.Because("the contacts")
	}
	return nil
}

// Check: whole contacts, at most MaxContacts.
func (p *Nodes) Check() error { return checkContacts(p.Contacts) }

// Check: Record has at most MaxDescriptor bytes, Contacts are as in Nodes.
func (p *Value) Check() error {
	return first(sized("the record", len(p.Record), MaxDescriptor), checkContacts(p.Contacts))
}

// checkItems: 1..MaxStores items, each with a record of 1..MaxDescriptor bytes and
// a stamp of WorkSize bytes or none; MaxStoreBytes of records in all.
func checkItems(items []StoreItem) error {
	err := counted("the number of records", len(items), MaxStores)
	total := 0
	for i := 0; i < len(items) && err == nil; i++ {
		total += len(items[i].Record)
		err = first(
			counted("a record", len(items[i].Record), MaxDescriptor),
			sized("the records together", total, MaxStoreBytes),
			sized("a stamp", len(items[i].Stamp), WorkSize, 0, WorkSize),
		)
	}
	return err
}

// Check: 1..MaxStores items, each with a record of 1..MaxDescriptor bytes and a
// stamp of WorkSize bytes or none; MaxStoreBytes of records in all.
func (p *Store) Check() error { return checkItems(p.Items) }

// Check: 1..MaxStores codes.
func (p *Stored) Check() error { return counted("the number of codes", len(p.Codes), MaxStores) }

// Check is that of Store.
func (p *Publish) Check() error { return checkItems(p.Items) }

// Check: 1..MaxStores numbers.
func (p *Published) Check() error {
	return counted("the number of holders", len(p.Holders), MaxStores)
}

// Check: exactly RecordSize bytes.
func (p *Record) Check() error { return sized("the record", len(p.Record), RecordSize, RecordSize) }

// checkHost: at most MaxHost bytes; host and port only together.
func checkHost(host string, port uint16) error {
	if (host == "") != (port == 0) {
		return ErrValue.Because("a host without port, or a port without host")
	}
	return sized("the host", len(host), MaxHost)
}

// Check: Node has 32 bytes, or 16 and then Host and Port are there; Host has at
// most MaxHost bytes and stands only together with Port.
func (p *DescriptorGet) Check() error {
	if len(p.Node) == 16 && p.Host == "" {
		return ErrValue.Because("a gateway's hash without its host")
	}
	return first(sized("the gateway's key", len(p.Node), 32, 16, 32), checkHost(p.Host, p.Port))
}

// Check: 1..MaxDescriptor bytes.
func (p *Descriptor) Check() error {
	return counted("the descriptor", len(p.Object), MaxDescriptor)
}

// Check: Count is 1..MaxGateways.
func (p *GatewaysGet) Check() error {
	return counted("the number of gateways", int(p.Count), MaxGateways)
}

// Check: at most MaxGateways descriptors, each of 1..MaxDescriptor bytes.
func (p *Gateways) Check() error {
	err := sized("the number of gateways", len(p.Objects), MaxGateways)
	for i := 0; i < len(p.Objects) && err == nil; i++ {
		err = counted("a descriptor", len(p.Objects[i]), MaxDescriptor)
	}
	return err
}

// Check: 1..MaxDeposits items, each with a record of RecordSize bytes or none, to
// be published from First to Last.
func (p *DepositPut) Check() error {
	err := counted("the number of records", len(p.Items), MaxDeposits)
	for i := 0; i < len(p.Items) && err == nil; i++ {
		if p.Items[i].First > p.Items[i].Last {
			return ErrValue.Because("a record's last moment before its first")
		}
		err = sized("a record", len(p.Items[i].Record), RecordSize, 0, RecordSize)
	}
	return err
}

// Check: at most MaxDeposited items.
func (p *Deposits) Check() error {
	return sized("the number of records", len(p.Items), MaxDeposited)
}

// Check: Encapsulation has EncapsulationSize bytes or none, Sealed 1..MaxSealed.
func (p *Relay) Check() error {
	return first(
		sized("the encapsulation", len(p.Encapsulation), EncapsulationSize, 0, EncapsulationSize),
		counted("the sealed request", len(p.Sealed), MaxSealed),
	)
}

// Check is that of Relay; Host has 1..MaxHost bytes and Port is not 0.
func (p *Forward) Check() error {
	return first(counted("the host", len(p.Host), MaxHost), checkHost(p.Host, p.Port), p.Relay.Check())
}

// Check: Sealed has 1..MaxSealed bytes.
func (p *Forwarded) Check() error { return counted("the sealed answer", len(p.Sealed), MaxSealed) }
