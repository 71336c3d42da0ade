package appdrive

import (
	"slices"
	"strings"
)

// grave are parts of lines that tell of a fault of the app.
var grave = []string{"Error in Fyne call thread", "panic:", "fatal error:", "Fyne error:", "fyne: ", "systray error:", "DATA RACE"}

// harmless are parts of lines that tell of what the display lacks: a home has no folders
// for videos; Fyne may read its settings while it writes them. busless are those that
// tell that there is no session bus, so no desktop's settings, no tray and no
// notifications.
var (
	harmless = []string{"favorite locations", "Preferences load error"}
	busless  = []string{"theme settings", "D-Bus", "dbus", "DBus", "systray", "StatusNotifier", "notification"}
)

// Complaints are the lines that tell of a fault, each with those that follow and say
// why and where. Without a session bus some are none.
func Complaints(lines []string, bus bool) (found []string) {
	excused := harmless
	if !bus {
		excused = append(slices.Clone(harmless), busless...)
	}
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
		if strings.Contains(line, "error:") && hasAny(whole, excused) {
			continue
		}
		found = append(found, whole)
	}
	return found
}

func hasAny(line string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(line, part) })
}
