# ZeroMS: every task of the repository. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
FUZZTIME ?= 60s

# One set of tags for everything but the desktop app, so that SQLite compiles once and no test compiles GL.
export GOFLAGS := -tags=sqlite_fts5,ci
export CGO_ENABLED := 1
# Go's own is "-O2 -g". What debuggers of C want to know of SQLite takes a third of the time and six times the space.
export CGO_CFLAGS ?= -O2

# For building only: the collector takes a tenth of the compiler's time, and no package needs 700 MB without it.
EAGER := GOGC=off GOMEMLIMIT=1GiB

# True when the C compiler that Go calls works and finds the C library's headers.
gcc-works = printf '\#include <stdlib.h>\n' | $$($(GO) env CC) -E - >/dev/null 2>&1

# What the desktop app is built of besides, and what its test on a screen that nobody sees needs.
APP_PACKAGES := gcc libc6-dev pkg-config libgl1-mesa-dev libx11-dev libxcursor-dev libxrandr-dev libxinerama-dev libxi-dev libxxf86vm-dev fonts-droid-fallback
UI_PACKAGES := $(APP_PACKAGES) xvfb xdotool xclip x11-xkb-utils dbus libgl1-mesa-dri
APP_FLAGS := -tags=sqlite_fts5,x11
FONT := /usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf

.PHONY: help build app app-build app-install test-ui bench-ui font install-app install-ui demo test check race fuzz soak net bench bench-network bench-code dht-bounds clean need-go need-gcc install-gcc install-mosquitto

help: ## list the targets
	@echo "usage: make TARGET"
	@sed -n -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 12
	@$(MAKE) need-go 2>&1 | grep -v '^make' || true

build: need-go need-gcc ## build every command but the desktop app into bin/
	$(GO) build -o bin/ $$($(GO) list ./cmd/... | grep -v '^zeroms/cmd/zeroms$$')

app: app-build ## build the desktop app and open it (APP=... for its flags); installs what it is built of
	bin/zeroms $(APP)

app-build: need-go install-app font
	@[ -x bin/zeroms ] || echo "building the app; the first time takes some minutes"
	GOFLAGS=$(APP_FLAGS) $(EAGER) $(GO) build -o bin/zeroms ./cmd/zeroms

app-install: app-build ## put the app into your menu, for zeroms: links too (~/.local)
	@install -D -m 755 bin/zeroms "$$HOME/.local/bin/zeroms"
	@install -D -m 644 assets/zeroms.svg "$$HOME/.local/share/icons/hicolor/scalable/apps/zeroms.svg"
	@mkdir -p "$$HOME/.local/share/applications"
	@sed "s|^Exec=zeroms|Exec=$$HOME/.local/bin/zeroms|" assets/zeroms.desktop > "$$HOME/.local/share/applications/zeroms.desktop"
	@if command -v update-desktop-database >/dev/null; then update-desktop-database "$$HOME/.local/share/applications"; fi
	@if command -v xdg-mime >/dev/null; then xdg-mime default zeroms.desktop x-scheme-handler/zeroms; fi
	@echo "ZeroMS is in your menu; zeroms: links open it"

font: install-app ## take the Chinese font out of Debian's package into assets/fonts
	@if [ -r $(FONT) ]; then cmp -s $(FONT) assets/fonts/DroidSansFallbackFull.ttf || install -m 644 $(FONT) assets/fonts/DroidSansFallbackFull.ttf; \
	else echo "there is no $(FONT) here; Chinese will be shown in the fonts of the system"; fi

test-ui: need-go install-ui app-build ## the app as people use it, on a screen that nobody sees; pictures in bin/shots
	$(GO) build -o bin/ ./cmd/zeroms-lab ./cmd/zeroms-gateway ./cmd/zms
	bin/zeroms-lab app --app bin/zeroms --out bin/shots

bench-ui: need-go install-ui app-build ## the app with 100,000 messages against its bounds (docs/performance.md; quiet machine)
	$(GO) build -o bin/ ./cmd/zeroms-lab ./cmd/zeroms-gateway ./cmd/zms
	bin/zeroms-lab bench ui --app bin/zeroms $(BENCH)

demo: need-go install-gcc ## build the programs and run a small network on this machine
	$(GO) build -o bin/ ./cmd/zeroms-lab ./cmd/zeroms-gateway ./cmd/zms
	bin/zeroms-lab demo

test: need-go need-gcc ## all tests (no race detector); make check has what needs no running
	@echo "$(GO) test ./..."
	@# The long ones first, so that no core waits for them at the end. Programs that are tested decide themselves when
	@# they collect (cmd/zeroms-gateway/machine).
	@$(EAGER) $(GO) test -vet=off -ldflags=-w -exec 'env -u GOGC -u GOMEMLIMIT' \
		./cmd/zeroms-lab/world ./cmd/zms ./cmd/zeroms-lab/dht ./... 2>&1 | awk '{ print; fflush() } \
		/^ok  \t/ { ok++ } /^FAIL\t/ { bad++ } /\[no test files\]$$/ { none++ } \
		END { printf "make test: %d packages passed, %d failed, %d without tests\n", ok, bad, none }'

check: need-go need-gcc ## formatting, go vet, staticcheck and the rules of the architecture
	@echo "gofmt -l ."; files="$$("$$($(GO) env GOROOT)/bin/gofmt" -l .)"; \
	if [ -n "$$files" ]; then printf 'not formatted, run gofmt -w on:\n%s\n' "$$files" >&2; exit 1; fi
	$(EAGER) $(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -count=1 .

race: need-go need-gcc ## all tests under the race detector
	$(GO) test -race ./...

fuzz: need-go need-gcc ## every fuzz target for FUZZTIME (60s) each; what fails is kept in testdata/fuzz
	@list="$$($(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ { name[++n] = $$1 } \
		/^ok / { for (i = 1; i <= n; i++) print $$2, name[i]; n = 0 } \
		/^FAIL/ { print > "/dev/stderr" }')"; failed=; \
	while read -r package target; do \
		[ -n "$$target" ] || continue; \
		echo "== $$package $$target"; \
		said="$$(mktemp)"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" </dev/null 2>&1 | tee "$$said" || \
			if grep -q 'context deadline exceeded' "$$said" && ! grep -q 'Failing input\|panic:' "$$said"; then \
				echo "(the time was over in the middle of an input, which Go reports as a failure; nothing was found)"; \
			else failed="$$failed $$package.$$target"; fi; \
		rm -f "$$said"; \
	done <<<"$$list"; \
	if [ -n "$$failed" ]; then echo "make fuzz: failed:$$failed" >&2; exit 1; fi; \
	echo "make fuzz: $$(grep -c . <<<"$$list" || true) targets, none failed"

soak: need-go need-gcc ## 100,000 messages through gateways that lose, delay and repeat them (ZMS_SOAK)
	ZMS_SOAK=$${ZMS_SOAK:-100000} $(GO) test -count=1 -v -timeout 3h -run 'TestEverythingArrivesThroughGatewaysThatLoseIt' ./cmd/zeroms-lab/world

net: need-go install-gcc ## people who chat for 2 minutes through 4 gateways that are killed, drained and cut off (NET=...)
	$(GO) build -o bin/ ./cmd/zeroms-lab ./cmd/zeroms-gateway
	bin/zeroms-lab net --gateways 4 --users 8 --minutes 2 $(NET)

bench: need-go install-gcc install-mosquitto ## what a gateway carries and costs, beside its peers (docs/performance.md; 4 minutes)
	$(GO) build -tags=sqlite_fts5,ci,lab -o bin/bench/ ./cmd/zeroms-lab ./cmd/zeroms-gateway
	bin/bench/zeroms-lab bench gateway $(BENCH)
	bin/bench/zeroms-lab bench peers $(BENCH)

bench-network: need-go need-gcc ## what users have of gateways that found each other, against its bounds (docs/performance.md; 5 minutes, quiet machine)
	$(GO) build -tags=sqlite_fts5,ci,lab -o bin/bench/ ./cmd/zeroms-lab ./cmd/zeroms-gateway
	bin/bench/zeroms-lab bench network $(BENCH)

bench-code: need-go need-gcc ## benchmarks of the protocol and the gateway, part by part
	$(GO) test -bench . -run '^$$' $(patsubst %,./%/...,$(wildcard protocol gateway))

dht-bounds: need-go need-gcc ## the gateway network at 1,000, 10,000 and 100,000 gateways against its bounds (docs/performance.md)
	$(GO) build -o bin/ ./cmd/zeroms-lab
	@failed=; for nodes in 1000 10000 100000; do \
		bin/zeroms-lab dht --suite --nodes $$nodes $(DHT) || failed="$$failed $$nodes"; \
	done; \
	if [ -n "$$failed" ]; then echo "make dht-bounds: bounds missed at$$failed gateways" >&2; exit 1; fi

clean: need-go ## remove what make built
	rm -rf bin

need-go:
	@command -v $(GO) >/dev/null || { echo "ZeroMS needs Go 1.26 or newer and there is no '$(GO)' here: install it from https://go.dev/dl/ and put it on the PATH." >&2; exit 1; }
	@found="$$($(GO) env GOVERSION 2>/dev/null || GOTOOLCHAIN=local $(GO) version 2>/dev/null || true)"; \
	[[ "$$found" =~ go([0-9]+)\.([0-9]+) ]] && (( BASH_REMATCH[1] > 1 || BASH_REMATCH[2] >= 26 )) || \
	{ echo "ZeroMS needs Go 1.26 or newer; $$(command -v $(GO)) is '$$found': install a newer one from https://go.dev/dl/." >&2; exit 1; }

need-gcc: need-go
	@$(gcc-works) || { echo "ZeroMS needs gcc and the C library's headers, because SQLite is C: on Debian and Ubuntu, apt-get install gcc libc6-dev." >&2; exit 1; }

install-gcc: need-go
	@if ! { $(gcc-works); } && command -v apt-get >/dev/null; then \
		as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root="sudo "; fi; \
		echo "gcc is missing: installing it with $${as_root}apt-get"; \
		$${as_root}apt-get update && $${as_root}apt-get install -y gcc libc6-dev ca-certificates; \
	fi
	@$(MAKE) need-gcc

# Installs what of a list of packages is missing, where there is apt-get.
define install-packages
	@if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then \
		missing=; for package in $(1); do \
			dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
		done; \
		if [ -n "$$missing" ]; then \
			as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root="sudo "; fi; \
			echo "installing$$missing with $${as_root}apt-get"; \
			$${as_root}apt-get update && $${as_root}env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; \
		fi; \
	fi
endef

install-app: need-go
	$(call install-packages,$(APP_PACKAGES))

install-ui: need-go
	$(call install-packages,$(UI_PACKAGES))

# A peer of the table. The package would start a broker of its own, which nobody asked for.
install-mosquitto:
	@if ! command -v mosquitto >/dev/null && ! [ -x /usr/sbin/mosquitto ] && command -v apt-get >/dev/null; then \
		as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root="sudo "; fi; \
		echo "mosquitto is missing: installing it with $${as_root}apt-get"; \
		$${as_root}apt-get update && $${as_root}apt-get install -y --no-install-recommends mosquitto && \
		if [ -d /run/systemd/system ]; then $${as_root}systemctl disable --now mosquitto; fi; \
	fi
