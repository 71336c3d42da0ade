package meter

import "time"

// Counts are how far messages from one sender to one recipient are.
type Counts struct {
	Sent      int
	Custody   int // with a receipt
	Delivered int // received
	Done      int // both, or the receipt alone if the recipient is away
	// ToPush and ToCustody are the times from sending to receiving and to the
	// receipt, of those that were sampled.
	ToPush, ToCustody []time.Duration
}

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	c.Sent += o.Sent
	c.Custody += o.Custody
	c.Delivered += o.Delivered
	c.Done += o.Done
	c.ToPush = append(c.ToPush, o.ToPush...)
	c.ToCustody = append(c.ToCustody, o.ToCustody...)
}
