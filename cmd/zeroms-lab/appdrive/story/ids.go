package story

import "fmt"

// The words by which the app names its controls.
const (
	idName    = "start.name"
	idCreate  = "start.create"
	idChinese = "start.chinese"
	idAddress = "start.address"
	idUse     = "start.use"
	idDone    = "start.done"

	idMenu         = "list.menu"
	idMenuCard     = "menu.card"
	idMenuAdd      = "menu.add"
	idMenuGateways = "menu.gateways"
	idMenuSettings = "menu.settings"
	idMenuLock     = "menu.lock"

	idSaveCard = "card.save"
	idSavePath = "save.path"
	idSaveOK   = "save.ok"
	idAddText  = "add.text"
	idAddPaste = "add.paste"
	idAddImage = "add.choose"
	idAddOK    = "add.go"

	idAccept       = "request.0.accept"
	idComposer     = "composer.text"
	idSend         = "composer.send"
	idContact      = "talk.contact"
	idDetailsClose = "details.close"
	idVerify       = "safety.mark"
	idMute         = "contact.mute"

	idScan       = "gateways.scan"
	idNewGateway = "gateways.address"
	idAddGateway = "gateways.add"

	idScheme   = "settings.scheme"   // of each choice: with .0, .1, ...
	idLanguage = "settings.language" // the same
	idNotify   = "settings.notify"   // the same
	idSample   = "settings.notify.sample"
	idTray     = "settings.tray"
	idPassNew  = "settings.pass.new"
	idPassTwo  = "settings.pass.again"
	idPassOld  = "settings.pass.old"
	idPassSet  = "settings.pass.set"
	idLockPass = "lock.pass"
	idLockOpen = "lock.open"
)

// rowID is the n-th conversation of the list, choice the n-th option of a choice, from 0.
func rowID(n int) string             { return fmt.Sprintf("list.row.%d", n) }
func choice(id string, n int) string { return fmt.Sprintf("%s.%d", id, n) }
