package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"zeroms/ui/model"
)

// The file with the look, in a profile's directory.
const (
	lookFile = "desktop.json"
	lookTemp = lookFile + ".new"
	maxLook  = 64 << 10
)

// look keeps how the window of a profile looks. It is needed before the profile is open,
// and holds nothing personal.
type look struct{ dir string }

// load reads the look. What can't be read is as good as none.
func (l look) load(log *slog.Logger) model.Look {
	v, err := l.read()
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn(lookFile+" can't be read and is made anew", "error", err)
		}
		return model.Look{}
	}
	return v
}

func (l look) read() (v model.Look, err error) {
	f, err := os.Open(filepath.Join(l.dir, lookFile))
	if err != nil {
		return v, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLook))
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return model.Look{}, err
	}
	if !sensible(v) {
		return model.Look{}, errors.New("it holds what no window has")
	}
	return v, nil
}

// sensible reports whether a window can look so.
func sensible(v model.Look) bool {
	const widest = 1 << 15 // points
	return slices.Contains([]string{"", "en", "zh-Hans"}, v.Language) && v.Scheme <= model.SchemeDark &&
		(v.Zoom == 0 || v.Zoom >= 50 && v.Zoom <= 400) && v.Width >= 0 && v.Width <= widest && v.Height >= 0 && v.Height <= widest
}

// save keeps a look: a crash leaves the old one or the new one.
func (l look) save(v model.Look) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	temp := filepath.Join(l.dir, lookTemp)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.Write(append(b, '\n'))
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(temp, filepath.Join(l.dir, lookFile))
	}
	if err != nil {
		return fmt.Errorf("how the window looks can't be kept: %w", err)
	}
	return nil
}
