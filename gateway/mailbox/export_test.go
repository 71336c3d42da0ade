package mailbox

// Weight is what the accounts take in memory, and how many there are.
func (m *Mailbox) Weight() (bytes, accounts int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.accounts {
		bytes += a.Weight()
	}
	return bytes, len(m.accounts)
}
