package widget

import "zeroms/assets"

func iconNames() []string { return assets.Icons() }
