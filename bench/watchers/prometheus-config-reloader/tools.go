//go:build tools

// Package tools names the program that is built here, so that go.mod and go.sum hold its exact source.
package tools

import _ "github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader"
