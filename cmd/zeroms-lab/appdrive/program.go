package appdrive

import (
	"fmt"
	"os"
	"path/filepath"
)

// Program is the path of a program that was named, or of its sibling beside this one.
func Program(named, name string) (string, error) {
	path := named
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("this program can't be found, so %s beside it neither; name it with a flag: %w", name, err)
		}
		path = filepath.Join(filepath.Dir(own), name)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not at %s; build it, or name it with a flag", name, path)
	}
	return path, nil
}
