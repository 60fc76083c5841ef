#!/bin/sh
# Installs bg-run in ~/.local/bin (or $BG_RUN_BIN). It installs nothing if the archive's checksum differs from the release's.
set -eu
# The address of the folder with the archives. The release workflow fills it in.
releases=${BG_RUN_RELEASES:-}
to=${BG_RUN_BIN:-$HOME/.local/bin}

fail() {
  printf 'bg-run: %s\n' "$*" >&2
  exit 1
}

fetch() {
  if command -v curl >/dev/null; then
    curl -fsSL -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -q -O "$2" "$1"
  else
    fail 'neither curl nor wget is here; install one of them'
  fi || fail "$1 can't be fetched; is that the right address, and is it reachable?"
}

sum_of() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1"
  elif command -v shasum >/dev/null; then
    shasum -a 256 "$1"
  else
    fail 'neither sha256sum nor shasum is here, so nothing can be verified; install one of them'
  fi
}

# The shell reads the whole function before it runs anything, so an incomplete download of this script does nothing.
main() {
  [ -n "$releases" ] || fail 'say where the release is: BG_RUN_RELEASES=ADDRESS'
  machine=$(uname -sm)
  case $machine in
  'Linux x86_64' | 'Linux amd64') target=x86_64-unknown-linux-musl ;;
  'Linux aarch64' | 'Linux arm64') target=aarch64-unknown-linux-musl ;;
  'Darwin x86_64') target=x86_64-apple-darwin ;;
  'Darwin arm64') target=aarch64-apple-darwin ;;
  *) fail "there is no program for this machine ($machine); with Rust: cargo install bg-run" ;;
  esac
  name=bg-run-$target
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 1' HUP INT TERM
  fetch "$releases/$name.tar.gz" "$folder/archive"
  fetch "$releases/SHA256SUMS" "$folder/sums"
  expected=$(awk -v name="$name.tar.gz" '$2 == name { print $1 }' "$folder/sums")
  [ -n "$expected" ] || fail "$releases/SHA256SUMS doesn't name $name.tar.gz; nothing was installed"
  found=$(sum_of "$folder/archive")
  found=${found%% *}
  [ "$found" = "$expected" ] ||
    fail "the archive isn't the one of the release (SHA-256 $found instead of $expected); nothing was installed"
  tar -xzf "$folder/archive" -C "$folder"
  "$folder/$name/bg-run" --version >/dev/null 2>&1 || fail "the program for $target doesn't start here; nothing was installed"
  mkdir -p "$to"
  # Writes a new file and renames it, because a running program can't be overwritten.
  new=$(mktemp "$to/.bg-run.XXXXXX")
  cat "$folder/$name/bg-run" >"$new"
  chmod 755 "$new"
  mv -f "$new" "$to/bg-run"
  printf '%s is in %s\n' "$("$to/bg-run" --version)" "$to"
  case :$PATH: in
  *:"$to":*) printf 'Next: bg-run install\n' ;;
  *) printf 'Next: %s/bg-run install (that folder is not on your PATH)\n' "$to" ;;
  esac
}

main
