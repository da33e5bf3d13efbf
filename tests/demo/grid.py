# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal's grid: widths of wide characters, columns, colours."""
import unicodedata

COLOURS = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def width(text):
    """Columns that a terminal gives the text."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text, columns):
    """The text, no wider than `columns`."""
    if width(text) <= columns:
        return text
    while width(text) > columns - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def tint(text, colour, on):
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if on and colour else text


def columns(rows, colour, gap=2, indent=0):
    """Lines of cells, each (text, colour) or text; a row that is one text alone is a heading of its own."""
    def parts(cell):
        return cell if isinstance(cell, tuple) else (cell, None)

    tables = [row for row in rows if not isinstance(row, str)]
    widths = [max(width(parts(cell)[0]) for cell in column) for column in zip(*tables)]
    lines = []
    for row in rows:
        if isinstance(row, str):
            lines.append(" " * indent + tint(row, "bold", colour))
            continue
        line = ""
        for cell, wide in zip(row, widths):
            text, tone = parts(cell)
            line += tint(text, tone, colour) + " " * (wide - width(text) + gap)
        lines.append(" " * indent + line.rstrip())
    return lines
