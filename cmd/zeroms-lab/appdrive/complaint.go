package appdrive

import (
	"slices"
	"strings"
)

// grave are parts of lines that tell of a fault of the app.
var grave = []string{"Error in Fyne call thread", "panic:", "fatal error:", "Fyne error:", "fyne: ", "DATA RACE"}

// harmless are parts of lines that tell of what the display lacks: there is no
// session bus, so no desktop's settings, no tray and no notifications, and a home has
// no folders for videos; Fyne may read its settings while it writes them.
var harmless = []string{"theme settings", "favorite locations", "Preferences load error", "D-Bus", "dbus", "DBus", "systray", "StatusNotifier", "notification"}

// Complaints are the lines that tell of a fault, each with those that follow and say
// why and where.
func Complaints(lines []string) (found []string) {
	for i, line := range lines {
		if !hasAny(line, grave) {
			continue
		}
		whole := line
		for _, next := range lines[i+1 : min(i+4, len(lines))] {
			if hasAny(next, grave) {
				break
			}
			whole += "\n  " + next
		}
		if strings.Contains(line, "Fyne error:") && hasAny(whole, harmless) {
			continue
		}
		found = append(found, whole)
	}
	return found
}

func hasAny(line string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(line, part) })
}
