#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws a terminal's output as an SVG picture: a monospace grid in which wide characters take two columns, with
colours. For the pictures in docs/img:

    script -qec './dev demo' demo.out    # on a terminal of 160 columns
    tests/demo/render.py './dev demo' --match '^The year' --last 56 <demo.out >docs/img/demo.svg
    tests/demo/render.py muster-watch --match '^ *652 ' --last 24 <build/release/demo/stream.ansi >docs/img/watch.svg

Every run of one colour is placed at its own column and told its length, so that no font can push the columns out
of line."""
import argparse
import re
import sys
from xml.sax.saxutils import escape

import grid

CELL, LINE, SIZE, MARGIN, BAR = 8.4, 20, 14, 18, 34
GROUND, FRAME, TEXT, FAINT = "#16191f", "#262b34", "#d5dae2", "#8b94a3"
PALETTE = {"31": "#ff6b6b", "32": "#7fd88f", "33": "#f2c55c", "36": "#6cc7e6", "35": "#d39ae6", "34": "#7aa2f7"}
FONTS = "'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,'Noto Sans Mono CJK SC','Noto Sans CJK SC','Microsoft YaHei',monospace"
SGR = re.compile(r"\x1b\[([0-9;]*)m")


def runs(line):
    """[(text, codes in force)]"""
    codes, at, found = (), 0, []
    for match in SGR.finditer(line):
        if match.start() > at:
            found.append((line[at:match.start()], codes))
        for code in match[1].split(";"):
            codes = () if code in ("", "0") else codes + (code,)
        at = match.end()
    if at < len(line):
        found.append((line[at:], codes))
    return found


def pieces(text):
    """Split where the width of characters changes, and at gaps: each piece can be told its length."""
    return re.findall(r" {2,}|[\u2190-\u21ff\u2713\u2717]|[\u2e80-\u9fff\u3000-\u303f\uff00-\uffef]+|"
                      r"(?:(?! {2,})[^\u2190-\u21ff\u2713\u2717\u2e80-\u9fff\u3000-\u303f\uff00-\uffef])+", text)


def spans(line, y):
    column = 0
    for text, codes in runs(line):
        colour = next((PALETTE[code] for code in codes if code in PALETTE), FAINT if "2" in codes else TEXT)
        if "7" in codes or "41" in codes:
            wide = grid.width(text) * CELL
            yield (f'<rect x="{MARGIN + column * CELL:.1f}" y="{y - SIZE}" width="{wide:.1f}" height="{LINE - 2}" '
                   f'fill="{PALETTE["31"]}"/>')
            colour = GROUND
        weight = ' font-weight="bold"' if "1" in codes else ""
        for piece in pieces(text):
            wide = grid.width(piece)
            if piece.strip():
                # A wide character's natural width is its size.
                size = f' font-size="{2 * CELL:.1f}"' if wide == 2 * len(piece) else ""
                yield (f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" fill="{colour}"{weight}{size} '
                       f'textLength="{wide * CELL:.1f}" lengthAdjust="spacingAndGlyphs">{escape(piece)}</text>')
            column += wide


def picture(output, title):
    lines = output.rstrip("\n").split("\n")
    columns = max(grid.width(SGR.sub("", line)) for line in lines)
    wide, high = round(columns * CELL + 2 * MARGIN), BAR + len(lines) * LINE + MARGIN
    body = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
            f'font-family="{FONTS}" font-size="{SIZE}" xml:space="preserve" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{wide}" height="{high}" rx="8" fill="{GROUND}"/>',
            f'<path d="M0 {BAR - 8}V8a8 8 0 0 1 8-8H{wide - 8}a8 8 0 0 1 8 8V{BAR - 8}z" fill="{FRAME}"/>',
            *(f'<circle cx="{16 + 18 * n}" cy="13" r="5" fill="{colour}"/>'
              for n, colour in enumerate(("#ff6b6b", "#f2c55c", "#7fd88f"))),
            f'<text x="{wide / 2:.0f}" y="18" fill="{FAINT}" text-anchor="middle" font-size="12">{escape(title)}</text>']
    for number, line in enumerate(lines):
        body += spans(line, BAR + number * LINE + SIZE)
    return "\n".join([*body, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("title")
    parser.add_argument("--last", type=int, default=None, metavar="N", help="draw so many lines at most")
    parser.add_argument("--match", metavar="REGEX", help="only from the first line that matches")
    options = parser.parse_args()
    lines = sys.stdin.buffer.read().decode("utf-8").replace("\r", "").split("\n")
    if options.match:
        lines = lines[next(n for n, line in enumerate(lines) if re.search(options.match, SGR.sub("", line))):]
    sys.stdout.write(picture("\n".join(lines[:options.last]), options.title))


if __name__ == "__main__":
    main()
