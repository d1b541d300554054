#!/usr/bin/env bash
# A terminal's answers become keys: crossterm reads the colour of the background as typed text, and a change of the colour scheme swallows keys.
#
# Packages: crossterm 0.29.0 (its parser of Unix terminals), on a pseudo-terminal of Python 3.
# Behaviour: the answer to OSC 11 (`ESC ] 11;rgb:… ESC \`) is read as Alt-], the letters and digits of the colour, and Alt-\. The report of
#   mode 2031 (`ESC [ ? 997 ; 1 n`) ends no sequence: this and every key after it are dropped, up to and with the next `u` or `c`.
# Expected: neither is a key; unknown sequences end with their last byte.
# Matters: a program that asks for the background before it reads events is safe only if the answer comes in time. Over a slow ssh connection
#   it comes later, and `:`, `/`, digits and letters do whatever they are bound to. One that turns mode 2031 on loses keys after sunset.
# Output seen (what the terminal sent; the keys that were read):
#> jk -> j k
#> ESC ]11;rgb:0/0/0 ESC \ j -> Alt-] 1 1 ; r g b : 0 / 0 / 0 Alt-\ j
#> ESC [?997;1n jkqcj -> j
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "keys"
version = "0.1.0"
edition = "2021"
[dependencies]
crossterm = { version = "=0.29.0", default-features = false, features = ["events"] }
TOML
cat > "$dir/src/main.rs" <<'RS'
use crossterm::event::{poll, read, Event, KeyCode, KeyModifiers};
fn main() -> std::io::Result<()> {
    crossterm::terminal::enable_raw_mode()?;
    println!("ready");
    let mut keys = Vec::new();
    while poll(std::time::Duration::from_secs(2))? {
        if let Event::Key(key) = read()? {
            let alt = if key.modifiers.contains(KeyModifiers::ALT) { "Alt-" } else { "" };
            keys.push(match key.code { KeyCode::Char(c) => format!("{alt}{c}"), code => format!("{alt}{code:?}") });
        }
    }
    crossterm::terminal::disable_raw_mode()?;
    println!("keys {}", keys.join(" "));
    Ok(())
}
RS
CARGO_TARGET_DIR="$dir/target" cargo build -q --manifest-path "$dir/Cargo.toml" >&2
cat > "$dir/send.py" <<'PY'
import os, pty, sys

for sent in ["jk", "\x1b]11;rgb:0/0/0\x1b\\j", "\x1b[?997;1njkqcj"]:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, sent.encode())
    try:
        while b"keys" not in seen or not seen.endswith(b"\n"):
            seen += os.read(terminal, 1024)
    except OSError:
        pass
    os.waitpid(child, 0)
    keys = seen.decode().split("keys", 1)[1].strip()
    shown = sent.replace("\x1b\\", " ESC \\ ").replace("\x1b", "ESC ").replace("1n", "1n ")
    print(shown, "->", keys)
PY
python3 "$dir/send.py" "$dir/target/debug/keys" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
