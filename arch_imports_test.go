package zeroms_test

import (
	"path"
	"slices"
	"strings"
)

const module = "zeroms"

// allowance is what the non-test files of a package may import besides the standard library. A package of this module
// is written without the module's name. "a/..." stands for a and everything below it, "a/*" for what is one level below a.
type allowance struct {
	folder string // the package, or "a/*"; the first entry that fits counts
	allow  []string
	except []string // taken out of allow
	reason string
}

const (
	xcrypto  = "golang.org/x/crypto/..."
	aead     = "golang.org/x/crypto/chacha20poly1305"
	argon2   = "golang.org/x/crypto/argon2"
	edwards  = "filippo.io/edwards25519/..."
	cborLib  = "github.com/fxamacker/cbor/v2"
	qrWriter = "github.com/skip2/go-qrcode"
	qrReader = "github.com/makiuchi-d/gozxing/..."
	gorilla  = "github.com/gorilla/websocket"
	quic     = "github.com/quic-go/quic-go/..."
	dbusLib  = "github.com/godbus/dbus/v5"
	dnsLib   = "golang.org/x/net/dns/dnsmessage"
	ipv4     = "golang.org/x/net/ipv4"
	ipv6     = "golang.org/x/net/ipv6"
	sqlite   = "github.com/mattn/go-sqlite3"
	cobra    = "github.com/spf13/cobra"
	pflag    = "github.com/spf13/pflag"
	terminal = "golang.org/x/term"
	promLib  = "github.com/prometheus/client_golang/..."
	fyne     = "fyne.io/fyne/v2"
	charm    = "charm.land/..." // bubbletea and lipgloss: screens in a terminal
	// terminals measures text and knows colours as terminals do.
	terminals = "github.com/charmbracelet/..."
)

var importTable = []allowance{
	{".", nil, nil, "the root holds the tests of the tree, no code"},

	{"protocol", nil, nil, "protocol/doc.go is the map of the layers, it holds no code"},
	{"protocol/key", []string{xcrypto, edwards}, nil, "keys are the lowest layer: they know the primitives and nothing of the protocol"},
	{"protocol/wire", []string{"protocol/key", cborLib}, nil, "wire is the one place that knows CBOR; it signs with keys and knows no state"},
	{"protocol/wire/jsonframe", []string{"protocol/wire"}, nil, "the same frames as text: it knows their names, wire alone knows CBOR"},
	{"protocol/card", []string{"protocol/key", "protocol/wire", qrWriter, qrReader}, nil, "a card is text and picture around keys; QR libraries stay behind it"},
	{"protocol/device", []string{"protocol/key", "protocol/wire"}, nil, "a device list is signed objects, checked without anything else"},
	{"protocol/address", []string{"protocol/key", "protocol/wire", aead, argon2}, nil, "address records are signed, sealed objects, checked by strangers who know no session; a place in the network costs Argon2id"},
	{"protocol/channel", []string{"protocol/key", "protocol/wire", aead}, nil, "a channel seals single frames between a sender and a gateway; it does not know who carries them"},
	{"protocol/custody", []string{"protocol/key", "protocol/wire"}, nil, "evidence is checked by anyone, so it depends on nobody's state"},
	{"protocol/envelope", []string{"protocol/key", "protocol/wire", aead}, nil, "an envelope is sizes and sealing; it does not know what it carries"},
	{"protocol/message", []string{"protocol/key", "protocol/wire", "protocol/device"}, nil, "a message is signed by a device and does not know how it travels"},
	{"protocol/session", []string{"protocol/key", "protocol/wire", "protocol/device"}, nil, "a session seals bytes between devices and does not know what they mean"},
	{"protocol/group", []string{"protocol/key", "protocol/wire", "protocol/device", "protocol/message", "protocol/session", "protocol/custody"}, nil,
		"a group is a log of messages with its own sending chains, above messages and sessions"},
	{"protocol/link", []string{"protocol/address", "protocol/key", "protocol/wire", "protocol/wire/jsonframe", "protocol/link/texts", "protocol/link/socket", gorilla, quic}, nil, "a link carries frames between keys, in CBOR or in JSON; WebSocket and QUIC stay behind it"},
	{"protocol/link/texts", []string{"protocol/key", "protocol/wire", "protocol/wire/jsonframe"}, nil, "frames as texts over whatever carries texts"},
	{"protocol/link/socket", nil, nil, "what is below TLS and WebSocket: it knows bytes and the headers of records"},
	{"protocol/link/lan", []string{"protocol/address", "protocol/key", "protocol/wire", dnsLib, ipv4, ipv6}, nil, "neighbours are contacts in DNS packets; DNS and multicast stay behind it, and links are not its business"},
	{"protocol/link/quic", []string{"protocol/key", "protocol/wire", "protocol/link", "protocol/link/socket", quic}, nil, "links between gateways over QUIC, under the same Conn; QUIC stays behind it, and of sockets it takes the memory that is lent"},
	{"protocol/link/*", []string{"protocol/key", "protocol/wire", "protocol/link"}, nil, "another way to carry frames, under the same Conn"},

	{"gateway", []string{"gateway/*", "protocol/..."}, nil, "the gateway wires its parts; SQLite is a detail chosen in cmd"},
	{"gateway/mailbox", []string{"gateway/mailbox/*", "protocol/..."}, nil, "the mailbox knows its own pieces and no other part of the gateway"},
	{"gateway/mailbox/records", []string{"gateway/mailbox/ledger", "protocol/..."}, nil, "records are plain structs about accounts and their logs"},
	{"gateway/mailbox/logins", []string{"gateway/mailbox/ledger", "gateway/mailbox/records", "protocol/..."}, nil, "login keys stand at places of a log and are written as records"},
	{"gateway/mailbox/*", []string{"protocol/..."}, nil, "a piece of the mailbox stands alone"},
	{"gateway/peers", []string{"gateway/peers/*", "protocol/..."}, nil, "peers knows links to other gateways, and of the gateway nothing: the DHT and what is forwarded come through interfaces"},
	{"gateway/peers/descriptors", []string{"gateway/peers/bounds", "protocol/..."}, nil, "descriptors that were checked are kept in a map that forgets"},
	{"gateway/peers/*", []string{"protocol/..."}, nil, "a piece of peers stands alone"},
	{"gateway/overlay", []string{"gateway/deposit", "gateway/deposit/relay", "gateway/dht", "gateway/forward", "gateway/peers", "gateway/peers/*", "protocol/..."}, nil, "the overlay joins the gateway's parts in the network, so that the gateway need not"},
	{"gateway/status", []string{promLib}, nil, "status serves plain numbers; what they are of it does not know, and Prometheus stays behind it"},
	{"gateway/dht", []string{"gateway/dht/*", "protocol/..."}, nil, "the gateway network knows its own pieces; how requests travel it declares as an interface"},
	{"gateway/dht/contact", []string{"protocol/..."}, nil, "who a gateway is and how places lie to each other, for all pieces of the DHT"},
	{"gateway/dht/table", []string{"gateway/dht/contact", "protocol/..."}, nil, "a routing table knows contacts and no requests"},
	{"gateway/dht/flights", nil, nil, "requests without answer, whatever they are"},
	{"gateway/dht/settings", []string{"gateway/dht/table"}, nil, "the numbers of the gateway network, one of which is the shape of a table"},
	{"gateway/dht/query", []string{"gateway/dht/shelf", "protocol/..."}, nil, "what is asked of the DHT and what comes of it are plain values"},
	{"gateway/dht/stamps", []string{"protocol/..."}, nil, "stamps are work on places and need no network"},
	{"gateway/dht/limit", []string{"protocol/..."}, nil, "rates are counted whoever they are of"},
	{"gateway/dht/holders", []string{"gateway/dht/contact", "protocol/..."}, nil, "who is asked to hold what is an account, and sends nothing"},
	{"gateway/dht/reach", []string{"gateway/dht/contact", "protocol/..."}, nil, "the proof of being reached is a count of answers"},
	{"gateway/dht/join", []string{"gateway/dht/contact", "protocol/..."}, nil, "whom a gateway enters its network by, and when, is an account of contacts and pauses"},
	{"gateway/dht/lookup", []string{"gateway/dht/contact", "protocol/..."}, nil, "a lookup decides whom to ask and sends nothing"},
	{"gateway/dht/estimate", []string{"gateway/dht/contact", "protocol/..."}, nil, "the size of a network is arithmetic about places"},
	{"gateway/dht/shelf", []string{"protocol/..."}, nil, "what is held for the network is kept by rules of its own; who stored it is asked nobody"},
	{"gateway/deposit", []string{"gateway/deposit/publisher", "protocol/..."}, nil, "deposits are taken and kept here; when each is published its publisher decides"},
	{"gateway/deposit/*", []string{"protocol/..."}, nil, "a piece of what homes publish stands alone: it reaches the network through an interface"},
	{"gateway/*", []string{"protocol/..."}, nil, "the parts of a gateway do not know each other, only gateway wires them; what a part needs it declares as an interface"},

	{"client", []string{"client/*", "protocol/..."}, nil, "the engine knows no screen and no database: it declares its Store, cmd chooses"},
	{"client/engine", []string{"client/*", "protocol/..."}, nil, "the engine joins the client's parts; it knows no loop and no database"},
	{"client/dispatch", []string{"client/account", "client/delivery", "client/history", "client/home", "client/outbox", "client/profile", "client/reach", "client/score", "client/sessions", "protocol/..."},
		[]string{"protocol/link/..."}, "dispatch brings messages to contacts' devices; its Host sends, and it never sees the engine above it"},
	{"client/forward", []string{"client/score", "protocol/..."}, nil, "forward seals requests and picks the homes that bring them on; its Carrier has the links"},
	{"client/presence", []string{"client/account", "client/home", "client/profile", "client/publish", "client/view", "protocol/..."}, []string{"protocol/link/..."}, "presence publishes through homes and finds others there; it never sees the engine above it"},
	{"client/home", []string{"client/forward", "client/score", "protocol/..."}, nil, "home keeps the connections and knows no user state; it measures gateways and asks which one is best"},
	{"client/choice", []string{"client/account", "client/home", "client/profile", "client/reach", "client/score", "client/view", "protocol/..."}, nil, "choice finds gateways through homes and puts them in order; it never sees the engine above it, and somebody else has the links"},
	{"client/score", []string{"protocol/key"}, nil, "score is what was seen of gateways, as plain numbers"},
	{"client/profile", []string{"client/delivery", "protocol/..."}, nil, "profile is what is kept, as plain structs and rows; it decides nothing"},
	{"client/publish", []string{"client/profile", "protocol/..."}, []string{"protocol/link/..."}, "publish makes address records and reads those of others; its Host sends"},
	{"client/reach", []string{"client/profile", "protocol/..."}, nil, "reach is what a contact's published words say, checked; it decides nothing"},
	{"client/account", []string{"client/home", "client/profile", "client/reach", "client/view", "protocol/..."}, nil, "account is the user's side of the home gateways; its Host performs what it decides"},
	{"client/outbox", []string{"client/delivery", "client/profile", "protocol/..."}, []string{"protocol/link/..."}, "outbox is delivery's items with their rows"},
	{"client/history", []string{"client/profile", "protocol/..."}, []string{"protocol/link/..."}, "history is messages in memory and in the store"},
	{"client/backup", []string{"client/profile", "client/delivery", "protocol/...", aead, argon2}, []string{"protocol/link/..."}, "a backup is rows turned into sealed bytes and back; it decides nothing about the network"},
	{"client/tap", []string{"client/home", "protocol/..."}, nil, "tap shows what links say without secrets; it decides what may be seen and nothing else"},
	{"client/inspect", []string{"client/delivery", "client/evidence", "client/history", "client/profile", "client/view", "protocol/..."}, []string{"protocol/link/..."}, "inspect shows what a profile can prove, out of copies of the engine's state and the store; it changes nothing"},
	{"client/view", []string{"client/profile", "protocol/..."}, []string{"protocol/link/..."}, "view is plain values for whoever shows a profile"},
	{"client/repair", []string{"client/delivery", "client/profile", "protocol/..."}, []string{"protocol/link/..."}, "repair plans answers out of the history; it never sends"},
	{"client/evidence", []string{"client/profile", "protocol/..."}, []string{"protocol/link/..."}, "evidence is gateways' signed statements joined into files; it asks nobody"},
	{"client/feed", nil, nil, "feed hands out events of any type"},
	{"client/sessions", []string{"client/delivery", "client/profile", "protocol/..."}, []string{"protocol/link/..."}, "sessions joins ratchets and envelopes; it never sends"},
	{"client/delivery", []string{"protocol/..."}, []string{"protocol/link/..."}, "delivery decides and never sends: it returns actions, so it needs no link"},

	{"store", []string{sqlite}, nil, "store is the one place that knows SQLite, and knows nobody's rows"},
	{"store/chat", []string{"store", "client", "client/*", "protocol/...", aead, argon2}, nil, "the client's database seals rows and implements the client's Store; it knows no gateway"},
	{"store/mailbox", []string{"store", "gateway", "gateway/*", "protocol/..."}, nil, "the gateway's database implements the gateway's Store and knows no client"},

	{"assets", nil, nil, "assets are files with names"},
	{"ui/words", []string{"assets", "protocol/wire", "github.com/nicksnyder/go-i18n/v2/...", "golang.org/x/text/..."}, nil, "what is said in which language, without a screen; the library of translations stays behind it"},
	{"ui/model", []string{"client", "assets", "protocol/key", "protocol/card", "ui/words"}, nil, "view models are tested without a screen, so they never see fyne"},
	{"ui/model/*", []string{"client", "assets", "protocol/key", "protocol/card", "ui/words", "ui/model"}, nil, "view models of a part of the app, without a screen"},
	{"ui", uiMayImport, notTheDriver, "screens show what the client says; only cmd/zeroms chooses the driver (fyne/v2/app brings GL)"},
	{"ui/*", uiMayImport, notTheDriver, "screens show what the client says; only cmd/zeroms chooses the driver (fyne/v2/app brings GL)"},

	{"cmd/localsocket", nil, nil, "programs of one user meet at a socket, whatever they say there"},
	{"cmd/zeroms/instance", []string{"cmd/localsocket"}, nil, "one window per profile: who is there, and what is handed over, without a word on profiles"},
	{"cmd/zeroms/selection", nil, nil, "the clipboard of an X server is read by a protocol of its own, without a screen and without the app"},
	{"cmd/zeroms/inside", append([]string{"cmd/zeroms-gateway/folder", "cmd/zeroms-gateway/machine", "cmd/zeroms-gateway/network", "ui/model"}, engines...), nil, "a gateway that runs inside the app, as the command runs one, without a screen"},
	{"cmd/zeroms/tray", []string{"ui", "fyne.io/systray"}, nil, "an icon with a menu, whatever the window does"},
	{"cmd/zeroms/chooser", []string{"ui", dbusLib}, nil, "the system's chooser of files, whatever is chosen for; D-Bus stays behind it"},
	{"cmd/zeroms/notice", []string{"ui", dbusLib}, nil, "notifications, whatever the window does; D-Bus stays behind it"},
	{"cmd/zeroms/desk", append([]string{"cmd/zeroms/inside", "cmd/zms/control", "cmd/zms/kept", "cmd/zms/owner", "cmd/zms/rescue", "cmd/zms/service", "ui/model"}, engines...), nil, "the profile behind the screens: it owns one as zms does, and needs no screen"},
	{"cmd/zeroms", append([]string{"cmd/zeroms/*", "ui/...", "assets", pflag, "golang.design/x/clipboard", "github.com/go-gl/glfw/v3.4/glfw", fyne + "/..."}, engines...), nil, "the app wires everything together and is the one importer of fyne/v2/app"},
	{"cmd/zeroms-lab", append([]string{"cmd/zeroms-lab/*", "cmd/zeroms-lab/appdrive/story"}, commands...), nil, "the lab runs whole networks: clients, gateways and the world they live in, without a screen"},
	{"cmd/zeroms-lab/world", engines, nil, "a world is clients and gateways on memory links, for tests too: it needs every part and no command line"},
	{"cmd/zeroms-lab/child", nil, nil, "other programs are run without knowing which"},
	{"cmd/zeroms-lab/appdrive", []string{"cmd/zeroms-lab/appdrive/x11", "cmd/zeroms-lab/child"}, nil, "who drives the app knows its window, its command line and its socket, and none of its code: it imports no fyne"},
	{"cmd/zeroms-lab/appdrive/story", []string{"cmd/zeroms-lab/appdrive", "cmd/zeroms-lab/appdrive/bus", "cmd/zeroms-lab/child", "protocol/card", cobra}, nil, "a story is played by the driver; of the protocol it knows the cards that go around"},
	{"cmd/zeroms-lab/appdrive/bus", []string{"cmd/zeroms-lab/child", dbusLib}, nil, "a desktop around whichever app; D-Bus stays behind it"},
	{"cmd/zeroms-lab/appdrive/x11", nil, nil, "the X protocol, whichever program's windows"},
	{"cmd/zeroms-lab/bench", append([]string{"cmd/zeroms-lab/bench/*", "cmd/zeroms-lab/people"}, commands...), nil, "a benchmark drives servers that are processes of their own, and people who use them"},
	{"cmd/zeroms-lab/bench/process", nil, nil, "servers are started and ended without knowing which"},
	{"cmd/zeroms-lab/bench/load", []string{"cmd/zeroms-lab/bench/member", "cmd/zeroms-lab/bench/meter"}, nil, "connections that are read and flows between them, whichever server is under load"},
	{"cmd/zeroms-lab/bench/network", append([]string{"cmd/zeroms-gateway/control", "cmd/zeroms-lab/bench/*", "cmd/zeroms-lab/people"}, commands...), nil, "gateways that found each other are measured as processes, which are asked how they are as operators do"},
	{"cmd/zeroms-lab/bench/fellow", []string{"protocol/..."}, nil, "light gateways that others can have hundreds of: they know the protocol and no gateway's code"},
	{"cmd/zeroms-lab/bench/socket", nil, nil, "a load generator shares its cores with what it measures: a WebSocket that costs little, and knows no protocol above it"},
	{"cmd/zeroms-lab/bench/meter", nil, nil, "processes and machines are measured without knowing what they do"},
	{"cmd/zeroms-lab/bench/frames", []string{"protocol/key", "protocol/wire"}, nil, "frames of a measurement coded by hand, held against wire by tests"},
	{"cmd/zeroms-lab/bench/member", []string{"cmd/zeroms-lab/bench/frames", "cmd/zeroms-lab/bench/meter", "cmd/zeroms-lab/bench/socket", "protocol/..."}, nil, "the load on a gateway is a client of its own, which knows the protocol only"},
	{"cmd/zeroms-lab/bench/fill", append([]string{"cmd/zeroms-lab/bench/member"}, engines...), nil, "accounts are written through the gateway's own store"},
	{"cmd/zeroms-lab/bench/ui", append([]string{"cmd/zeroms-lab/appdrive", "cmd/zeroms-lab/bench/meter", "cmd/zeroms-lab/child", cobra}, engines...), nil, "the app is measured from outside, with a profile that is written through the client's own store"},
	{"cmd/zeroms-lab/bench/peer", []string{"cmd/zeroms-lab/bench/meter", "cmd/zeroms-lab/bench/socket", gorilla}, nil, "other servers speak other protocols; the relay is what a bare WebSocket server costs"},
	{"cmd/zeroms-lab/dht", append([]string{"cmd/zeroms-lab/dht/*"}, commands...), nil, "the gateway network is measured by its own code, in worlds that stand beside it"},
	{"cmd/zeroms-lab/dht/sim", []string{"gateway/dht", "gateway/dht/*", "protocol/..."}, nil, "a virtual clock and the messages between machines of the DHT, whoever plays them"},
	{"cmd/zeroms-lab/dht/foe", []string{"cmd/zeroms-lab/dht/sim", "gateway/dht", "gateway/dht/*", "protocol/..."}, nil, "foes know the world they live in and no scenario"},
	{"cmd/zeroms-lab/*", append([]string{"cmd/zeroms-lab/child", "cmd/zeroms-lab/world"}, commands...), nil, "a run of the lab has a package of its own"},
	{"cmd/zeroms-gateway", append([]string{"cmd/zeroms-gateway/*"}, commands...), nil, "the gateway's command line; what it looks at and how it is told stands beside it"},
	{"cmd/zeroms-gateway/network", append([]string{"cmd/zeroms-gateway/control", "cmd/zeroms-gateway/machine", pflag}, engines...), nil, "how a gateway becomes part of a network: files, sockets and flags, without a command"},
	{"cmd/zeroms-gateway/folder", append([]string{"cmd/zeroms-gateway/control", "cmd/zeroms-gateway/machine", "cmd/zeroms-gateway/network"}, engines...), nil, "a gateway's directory, whichever program runs on it"},
	{"cmd/zeroms-gateway/machine", nil, nil, "what the operating system says, without a word on gateways"},
	{"cmd/zeroms-gateway/accounts", engines, nil, "what an operator reads about accounts, without a terminal"},
	{"cmd/zeroms-gateway/control", engines, nil, "how a running gateway is asked and told, without a command line"},
	{"cmd/zeroms-gateway/doctor", append([]string{"cmd/zeroms-gateway/control", "cmd/zeroms-gateway/machine"}, engines...), nil, "findings about a gateway, without a terminal"},
	{"cmd/zms", append([]string{"cmd/manual", "cmd/zms/*"}, commands...), nil, "the command line asks the owner of a profile, which may be itself"},
	{"cmd/zms/plain", nil, nil, "what makes texts of others harmless on a terminal needs no terminal"},
	{"cmd/zms/report", []string{"cmd/zms/control", "cmd/zms/plain"}, nil, "what people read about rows, without a terminal"},
	{"cmd/zms/tui", []string{"cmd/zms/control", "cmd/zms/report", "cmd/zms/tui/*", "protocol/card", "protocol/message", charm, terminals}, nil,
		"the chat knows a profile by requests and rows, and never who owns it; of the protocol it needs QR codes and the longest text"},
	{"cmd/zms/tui/*", []string{"cmd/zms/control", "cmd/zms/plain", "cmd/zms/tui/*", charm, terminals}, nil, "a piece of the chat is tested without a terminal and without a profile"},
	{"cmd/zms/rescue", engines, nil, "files and gateways of backups: the work behind some commands, without their words"},
	{"cmd/zms/control", append([]string{"cmd/localsocket", "cmd/zms/rescue"}, engines...), nil, "the language of a profile's owner, the desktop app's too; of the engine it knows the errors, which it names"},
	{"cmd/zms/fan", nil, nil, "who gets which message when: it has no clock, keeps nothing and knows no message"},
	{"cmd/zms/shown", append([]string{"cmd/zms/control"}, engines...), nil, "what the engine shows in the language of a profile's owner: it knows both and nothing else"},
	{"cmd/zms/homes", append([]string{"cmd/zms/control", "cmd/zms/kept", "cmd/zms/shown"}, engines...), nil, "what is asked about a profile's gateways needs the engine and what zms keeps, and no owner around it"},
	{"cmd/zms/gateways", []string{"cmd/manual", "cmd/zms/control", "cmd/zms/plain", "cmd/zms/report", cobra}, nil, "commands that are requests: the shell that they belong to makes them"},
	{"cmd/zms/input", []string{"cmd/zms/control", "protocol/card", "protocol/wire"}, nil, "what arguments mean is found without a profile and without a command line"},
	{"cmd/zms/service", append([]string{"cmd/zms/control", "cmd/zms/fan", "cmd/zms/homes", "cmd/zms/kept", "cmd/zms/rescue", "cmd/zms/shown"}, engines...), nil, "who owns a profile does what others ask for: it needs the engine and no command line"},
	{"cmd/zms/kept", engines, nil, "rows of zms among those of a profile: what is kept, and nothing that is done with it"},
	{"cmd/zms/owner", append([]string{"cmd/zms/control", "cmd/zms/kept", "cmd/zms/service"}, engines...), nil, "who asks the owner of a profile may become it, so this opens and runs one"},
	{"cmd/zms/bot", []string{"cmd/zms/control", "cmd/zms/owner"}, nil, "a bot speaks the language of the owner of a profile, and needs nothing else"},
	{"cmd/zms/complete", []string{"cmd/manual", "cmd/zms/control", "cmd/zms/owner", "cmd/zms/plain", cobra, pflag}, nil, "what a shell completes: of the commands their words, of a profile what its owner tells"},
	{"cmd/manual", []string{cobra, pflag}, nil, "the reference of a command line is made of what the commands say, whichever they are"},
	{"cmd/*", commands, nil, "a command wires everything together, without a screen"},
}

var (
	uiMayImport  = []string{"ui", "ui/*", "ui/model/*", "client", "assets", "protocol/key", fyne + "/..."}
	notTheDriver = []string{fyne + "/app/..."}
	engines      = []string{"protocol/...", "gateway/...", "client/...", "store/..."}
	commands     = append([]string{cobra, pflag, terminal}, engines...)
)

// fits reports whether a pattern of the table stands for an import path or folder.
func fits(pattern, name string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == below || strings.HasPrefix(name, below+"/")
	}
	if above, ok := strings.CutSuffix(pattern, "/*"); ok {
		return path.Dir(name) == above
	}
	return pattern == name
}

// standard reports whether an import path belongs to the standard library: its first element has no dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return importPath != "C" && first != module && !strings.Contains(first, ".")
}

// ownFolder returns the folder of an import path of this module.
func ownFolder(importPath string) (folder string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// allows reports whether the package of this entry may import a path.
func (a allowance) allows(importPath string) bool {
	if standard(importPath) {
		return true
	}
	name := importPath
	if own, ok := ownFolder(importPath); ok {
		name = own
	}
	stands := func(pattern string) bool { return fits(pattern, name) }
	return slices.ContainsFunc(a.allow, stands) && !slices.ContainsFunc(a.except, stands)
}

func checkImports(t *tree) []finding {
	var found []finding
	for _, f := range t.code() {
		i := slices.IndexFunc(importTable, func(a allowance) bool { return fits(a.folder, f.folder) })
		if i < 0 {
			found = append(found, f.at(f.syntax.Name, "the package %s is not in the import table (arch_imports_test.go): give it a place in the layers, with the reason", f.folder))
			continue
		}
		for _, spec := range f.syntax.Imports {
			if spec.Name != nil && spec.Name.Name == "." {
				found = append(found, f.at(spec, "a dot import hides where a name comes from"))
			}
			if importPath := strings.Trim(spec.Path.Value, "\"`"); !importTable[i].allows(importPath) {
				found = append(found, f.at(spec, "%s may not import %s: %s", f.folder, importPath, importTable[i].reason))
			}
		}
	}
	return found
}

// checkSides follows the imports to their end: no package outside cmd reaches both client and gateway.
func checkSides(t *tree) []finding {
	folders, files := t.packages()
	var reach func(folder string, seen map[string]bool)
	reach = func(folder string, seen map[string]bool) {
		if seen[folder] {
			return
		}
		seen[folder] = true
		for _, f := range files[folder] {
			for importPath := range f.imported() {
				if own, ok := ownFolder(importPath); ok {
					reach(own, seen)
				}
			}
		}
	}
	var found []finding
	for _, folder := range folders {
		seen := map[string]bool{}
		reach(folder, seen)
		var client, gateway bool
		for name := range seen {
			client = client || fits("client/...", name)
			gateway = gateway || fits("gateway/...", name)
		}
		if client && gateway && !fits("cmd/...", folder) {
			found = append(found, finding{folder, 0, "this package reaches both client and gateway"})
		}
	}
	return found
}
