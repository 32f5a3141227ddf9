package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The files below these paths: of one file its content, of a directory "name=content" for each, in order.
func everything(paths []string) string {
	var parts []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			parts = append(parts, "ENOENT")
			continue
		}
		if !info.IsDir() {
			parts = append(parts, content(path))
			continue
		}
		parts = append(parts, files(path, "")...)
	}
	return strings.Join(parts, ", ")
}

func files(root, below string) []string {
	entries, err := os.ReadDir(filepath.Join(root, below))
	if err != nil {
		return []string{below + "=" + err.Error()}
	}
	var parts []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		name := filepath.Join(below, entry.Name())
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
			parts = append(parts, files(root, name)...)
		} else {
			parts = append(parts, name+"="+content(filepath.Join(root, name)))
		}
	}
	return parts
}

func content(path string) string {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return "unreadable"
	}
	return strings.TrimSpace(string(bytes))
}

// One line of it; of much, or of what is no text, how much and its digest.
func short(text string) string {
	printable := strings.IndexFunc(text, func(r rune) bool { return r == '\uFFFD' || r < ' ' && r != '\n' }) < 0
	if len(text) <= 200 && printable {
		return strings.ReplaceAll(text, "\n", "\\n")
	}
	return fmt.Sprintf("(%d bytes, %x)", len(text), sha256.Sum256([]byte(text)))
}
