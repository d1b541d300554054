#!/usr/bin/env bash
# pyte, with which Python tests terminal programs, shows pieces of today's control sequences as text: a program that leaves Kitty's keyboard mode writes a "u".
#
# Packages: pyte 0.8.2 (the newest), @xterm/headless 6.0.0.
# Behaviour: sequences that a terminal takes without a visible effect, each followed by the text AB. pyte knows no `<` and `=` after `ESC [`, no colon
#   in parameters, and neither DCS nor APC: it ends the sequence there and puts the rest on the screen. `ESC [ > 4 ; 2 m`, which asks
#   for xterm's modifyOtherKeys, is read as SGR 4: all that follows is underlined. The question for the colour scheme, `ESC [ ? 996 n`, raises a
#   TypeError in feed(). xterm.js shows AB alone after each. Pushing Kitty's mode is silent in pyte, popping is not.
# Expected: a sequence that is not known is skipped up to its last byte, as the standard says.
# Matters: tests of a program that switches these on and off see a stray "u" where it restores the terminal, columns that are shifted, and underlined
#   text, and look for the fault in the program.
# Output seen (what: sequence | line in pyte | line in xterm.js):
#> Kitty keys, push: ESC [>1u | AB | AB
#> Kitty keys, pop: ESC [<u | uAB | AB
#> Kitty keys, set: ESC [=1;1u | 1;1uAB | AB
#> modifyOtherKeys on: ESC [>4;2m | AB underlined | AB
#> underline colour: ESC [58:2::255:0:0m | 2::255:0:0mAB | AB
#> ask for a termcap entry: ESC P+q544e ESC \ | +q544eAB | AB
#> ask for Kitty graphics: ESC _Gi=1,a=q;AAAA ESC \ | Gi=1,a=q;AAAAAB | AB
#> ask for the colour scheme: ESC [?996n | TypeError | AB
#> synchronized output: ESC [?2026h | AB | AB
#> hyperlink end: ESC ]8;; ESC \ | AB | AB
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check pyte==0.8.2
npm install --silent --no-audit --no-fund --prefix "$dir" @xterm/headless@6.0.0 >&2

cat > "$dir/sequences.json" <<'JSON'
{"Kitty keys, push": "\u001b[>1u", "Kitty keys, pop": "\u001b[<u", "Kitty keys, set": "\u001b[=1;1u", "modifyOtherKeys on": "\u001b[>4;2m",
 "underline colour": "\u001b[58:2::255:0:0m", "ask for a termcap entry": "\u001bP+q544e\u001b\\", "ask for Kitty graphics": "\u001b_Gi=1,a=q;AAAA\u001b\\",
 "ask for the colour scheme": "\u001b[?996n", "synchronized output": "\u001b[?2026h", "hyperlink end": "\u001b]8;;\u001b\\"}
JSON
cat > "$dir/pyte.py" <<'PY'
import sys
sys.path.pop(0)
import json, pyte
for sequence in json.load(open(sys.argv[1])).values():
    screen = pyte.Screen(40, 2)
    try:
        pyte.Stream(screen).feed(sequence + "AB")
        print(screen.display[0].rstrip() + (" underlined" if screen.buffer[0][0].underscore else ""))
    except Exception as error: print(type(error).__name__)
PY
cat > "$dir/xterm.mjs" <<'JS'
import { readFileSync } from "node:fs";
import headless from "@xterm/headless";
for (const sequence of Object.values(JSON.parse(readFileSync(process.argv[2])))) {
  const terminal = new headless.Terminal({ cols: 40, rows: 2, allowProposedApi: true });
  await new Promise((done) => terminal.write(sequence + "AB", done));
  const line = terminal.buffer.active.getLine(0);
  console.log(line.translateToString(true) + (line.getCell(0).isUnderline() ? " underlined" : ""));
}
JS
cat > "$dir/names.py" <<'PY'
import json, sys
for name, sequence in json.load(open(sys.argv[1])).items():
    print(f"{name}: {sequence.replace(chr(27), 'ESC ')}".replace("ESC \\", " ESC \\"))
PY

paste -d '|' <(python3 "$dir/names.py" "$dir/sequences.json") <("$dir/venv/bin/python" "$dir/pyte.py" "$dir/sequences.json") \
  <(node "$dir/xterm.mjs" "$dir/sequences.json") | sed 's/|/ | /g' > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
