package ui

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/storage"

	w "zeroms/ui/widget"
)

// files is files and the clipboard.
type files struct{ app *App }

// Open is page.Files'.
func (f files) Open(title string, extensions []string, then func(path string)) {
	c := Choice{Title: title, Accept: f.app.host.Words.Say("shell.open"), Filters: f.filters(extensions)}
	f.app.choose(c, then, func() { f.openBox(title, extensions, then) })
}

// openBox has the user choose a file where the system has no chooser.
func (f files) openBox(title string, extensions []string, then func(path string)) {
	d := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		switch {
		case err != nil:
			f.app.host.Say.Fail(err)
		case r != nil:
			path := r.URI().Path()
			r.Close()
			then(path)
		}
	}, f.app.window)
	d.SetTitleText(title)
	d.SetFilter(storage.NewExtensionFileFilter(extensions))
	d.SetConfirmText(f.app.host.Words.Say("shell.open"))
	d.SetDismissText(f.app.host.Words.Say("shell.cancel"))
	if home, err := os.UserHomeDir(); err == nil {
		if at, err := storage.ListerForURI(storage.NewFileURI(home)); err == nil {
			d.SetLocation(at)
		}
	}
	d.Show()
	d.Resize(f.app.room())
}

// room is how large a dialog may be. A dialog takes its size only once it is shown.
func (a *App) room() fyne.Size {
	size := a.window.Canvas().Size()
	return fyne.NewSize(min(800, size.Width-24), min(600, size.Height-24))
}

// Save is page.Files'.
func (f files) Save(title, name string, content []byte, then func(path string)) {
	f.SavePath(title, name, func(path string) {
		f.app.host.Async.Slow(func(context.Context) func() {
			err := writeNew(path, content)
			return func() {
				if err != nil {
					f.app.host.Say.Fail(err)
					return
				}
				if then != nil {
					then(path)
				}
			}
		})
	})
}

// writeNew writes a file that must not be there, readable for its owner only.
func writeNew(path string, content []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// saveFolder is where files are saved unless the user says so.
func saveFolder() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return os.TempDir()
	}
	for _, name := range []string{"Downloads", "下载"} {
		if at, err := os.Stat(filepath.Join(home, name)); err == nil && at.IsDir() {
			return filepath.Join(home, name)
		}
	}
	return home
}

// free is a path of a file that is not there: with a number before its extension if
// need be.
func free(folder, name string) string {
	path := filepath.Join(folder, name)
	kind := filepath.Ext(name)
	for i := 2; i < 1000; i++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path
		}
		path = filepath.Join(folder, name[:len(name)-len(kind)]+"-"+strconv.Itoa(i)+kind)
	}
	return path
}

// SavePath is page.Files'.
func (f files) SavePath(title, name string, then func(path string)) {
	say := f.app.host.Words
	path := w.NewField("save.path", say.Say("shell.save.path"))
	problem := w.NewParagraph("", w.Alarm)
	problem.Hide()
	var done func()
	save := func() {
		f.look(path.Text, func(at string, is found) {
			switch {
			case !f.app.shows(path): // it was shut meanwhile
				return
			case !is.whole:
				problem.SetText(say.Say("shell.save.whole"))
			case is.taken:
				problem.SetText(say.Say("shell.save.exists"))
			case !is.folder:
				problem.SetText(say.Say("shell.save.folder"))
			default:
				done()
				then(at)
				return
			}
			problem.Show()
		})
	}
	path.OnSubmitted = func(string) { save() }
	suggest := func(folder, name string, to func(path string)) {
		f.app.host.Async.Slow(func(context.Context) func() {
			if folder == "" {
				folder = saveFolder()
			}
			path := free(folder, name)
			return func() { to(path) }
		})
	}
	choose := w.NewButton("save.folder", say.Say("shell.save.choose"), w.Quiet, func() {
		f.folderOf(path.Text, func(folder string) { suggest(folder, filepath.Base(path.Text), path.SetText) })
	})
	ok := w.NewButton("save.ok", say.Say("shell.save.ok"), w.Primary, save)
	no := w.NewButton("save.cancel", say.Say("shell.cancel"), w.Plain, func() { done() })
	done = f.app.host.Say.Show(title, container.NewVBox(path, problem, gap(4), container.NewHBox(choose, layout.NewSpacer(), w.NewLine(8, no, ok))))
	f.app.window.Canvas().Focus(path)
	suggest("", name, func(at string) {
		if path.Text == "" {
			path.SetText(at)
		}
	})
}

// found is what there is at a path.
type found struct{ whole, taken, folder bool }

// look looks at a path, for which a disk may take its time.
func (f files) look(at string, then func(at string, is found)) {
	f.app.host.Async.Slow(func(context.Context) func() {
		is := found{whole: filepath.IsAbs(at), folder: folderThere(at)}
		_, err := os.Lstat(at)
		is.taken = err == nil
		return func() { then(at, is) }
	})
}

func folderThere(path string) bool {
	at, err := os.Stat(filepath.Dir(path))
	return err == nil && at.IsDir()
}

// folderOf has the user choose another folder than the one of a file.
func (f files) folderOf(file string, then func(string)) {
	say := f.app.host.Words
	c := Choice{Title: say.Say("shell.save.choose"), Accept: say.Say("shell.choose.folder"), Folder: true}
	if filepath.IsAbs(file) {
		c.At = filepath.Dir(file)
	}
	f.app.choose(c, then, func() { f.folder(then) })
}

// folder has the user choose a folder where the system has no chooser.
func (f files) folder(then func(string)) {
	d := dialog.NewFolderOpen(func(at fyne.ListableURI, err error) {
		switch {
		case err != nil:
			f.app.host.Say.Fail(err)
		case at != nil:
			then(at.Path())
		}
	}, f.app.window)
	d.Show()
	d.Resize(f.app.room())
}

// Copy is page.Files'.
func (f files) Copy(text string) { f.app.cfg.App.Clipboard().SetContent(text) }

// Paste is page.Files'.
func (f files) Paste(then func(text string)) { f.app.texts.ask(nil, then) }

// PasteImage is page.Files'.
func (f files) PasteImage(then func(png []byte)) { f.app.images.ask(nil, then) }
