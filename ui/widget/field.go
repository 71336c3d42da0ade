package widget

import (
	"fyne.io/fyne/v2"

	"zeroms/ui/field"
)

// Field is a field that is written into.
type Field = field.Field

// Bounds of what an area takes: bytes, and lines.
const (
	MaxArea      = field.MaxArea
	MaxAreaLines = field.MaxAreaLines
)

// NewField makes a field of one line.
func NewField(id, placeholder string) *Field { return field.New(id, placeholder) }

// NewSecret makes a field whose text is not shown.
func NewSecret(id, placeholder string) *Field { return field.NewSecret(id, placeholder) }

// NewArea makes a field of several lines, which grows up to 8 of them.
func NewArea(id, placeholder string) *Field { return field.NewArea(id, placeholder) }

// Modifiers are the modifier keys that are held down now.
func Modifiers() fyne.KeyModifier { return field.Modifiers() }
