# SPDX-License-Identifier: Apache-2.0
"""Charts as SVG text, of figures with a low and a high: bars in groups, and lines on logarithmic axes. Draws what it is
given and computes nothing else."""
import math
from xml.sax.saxutils import escape

COLOURS = ("#1b6ca8", "#8a9ba8", "#c9d3da", "#d9822b")
STYLE = ("text{font:13px 'DejaVu Sans','Noto Sans CJK SC',sans-serif;fill:#22303a}.title{font-size:16px;"
         "font-weight:bold}.head{font-weight:bold}.end{text-anchor:end}.mid{text-anchor:middle}.small{font-size:12px;paint-order:stroke;stroke:#fff;stroke-width:3px}"
         ".range{stroke:#22303a;stroke-width:2}.grid{stroke:#dfe5e9;stroke-width:1}.axis{stroke:#22303a}"
         ".line{fill:none;stroke-width:2.5}")
WIDTH, BAR, GAP, TOP = 860, 18, 4, 58
LABEL_CHAR, WIDE_CHAR = 7.6, 13.5  # how wide a character may be, in px


def label_px(text):
    return sum(WIDE_CHAR if ord(letter) > 0x2e80 else LABEL_CHAR for letter in text)


def show(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def text(x, y, words, style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(words)}</text>'


def page(title, height, body, *notes):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n'
            f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>\n{text(16, 28, title, "title")}\n'
            + "\n".join([*body, *(text(16, height - 14 - 18 * (len(notes) - 1 - index), note, "small") for index, note in enumerate(notes))])
            + "\n</svg>\n")


def bars(title, groups, *notes):
    """groups: [(heading, [(label, {value, low, high}), …]), …]. Each group has a scale of its own, since shapes
    differ by two orders of magnitude and only the ratios within a shape mean something."""
    left = 24 + max(label_px(label) for _, rows in groups for label, _ in rows)
    out, y = [], TOP
    for heading, rows in groups:
        out.append(text(16, y, heading, "head"))
        y += 10
        scale = (WIDTH - left - 90) / (max(figure["high"] for _, figure in rows) or 1)
        for index, (label, figure) in enumerate(rows):
            middle = y + BAR / 2
            out.append(text(left - 8, middle + 4.5, label, "end"))
            out.append(f'<rect x="{left:.1f}" y="{y}" width="{figure["value"] * scale:.1f}" height="{BAR}" '
                       f'fill="{COLOURS[index % len(COLOURS)]}"/>')
            out.append(f'<path d="M{left + figure["low"] * scale:.1f} {middle}H{left + figure["high"] * scale:.1f}" '
                       'class="range"/>')
            out.append(text(left + figure["high"] * scale + 8, middle + 4.5, show(figure["value"])))
            y += BAR + GAP
        y += 34
    return page(title, y + 4 + 18 * (len(notes) - 1), out, *notes)


def power(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


FIGURE = 34  # px that a figure under or above a dot takes, of the dot's middle


class Axis:
    """A logarithmic axis over `values` with room for a figure at both ends, on `span` px from `start`."""

    def __init__(self, values, start, span):
        self.start, self.span = start, span
        first, last = math.log10(min(values)), math.log10(max(values))
        end = (last - first) * FIGURE / (abs(span) - 2 * FIGURE)
        self.low, self.high = first - end, last + end
        if self.high - self.low < 2:  # a small change must look small
            middle = (self.low + self.high) / 2
            self.low, self.high = middle - 1, middle + 1

    def place(self, value):
        share = (math.log10(max(value, 1e-9)) - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0), 1) * self.span

    def ticks(self):
        return [10 ** mark for mark in range(math.ceil(self.low), math.floor(self.high) + 1)]


def plot(out, x_axis, y_axis, points, colour, above):
    """One line with its dots and spans; figures stand above or below it."""
    path = "L".join(f"{x_axis.place(x):.1f} {y_axis.place(f['value']):.1f}" for x, f in points)
    out.append(f'<path d="M{path}" class="line" stroke="{colour}"/>')
    for x, f in points:
        left, y = x_axis.place(x), y_axis.place(f["value"])
        out.append(f'<path d="M{left:.1f} {y_axis.place(f["low"]):.1f}V{y_axis.place(f["high"]):.1f}" class="range"/>'
                   f'<circle cx="{left:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        out.append(text(left, y + (-10 if above else 20), show(f["value"]), "mid small"))


def panel(out, left, top, width, height, heading, x_words, series):
    """series: [(label, [(x, {value, low, high}), …]), …], both axes logarithmic; the first is taken to be the upper."""
    points = [(x, figure) for _, line in series for x, figure in line]
    x_axis = Axis([x for x, _ in points], left, width)
    y_axis = Axis([figure["value"] for _, figure in points], top + height, -height)
    out.append(text(left, top - 14, heading, "head"))
    for mark in y_axis.ticks():
        y = y_axis.place(mark)
        out.append(f'<path d="M{left} {y:.1f}H{left + width}" class="grid"/>{text(left - 6, y + 4.5, power(mark), "end small")}')
    for mark in x_axis.ticks():
        x = x_axis.place(mark)
        out.append(f'<path d="M{x:.1f} {top}V{top + height}" class="grid"/>'
                   f'{text(x, top + height + 17, power(mark), "mid small")}')
    out.append(f'<path d="M{left} {top}V{top + height}H{left + width}" class="line axis" style="stroke-width:1"/>')
    out.append(text(left + width / 2, top + height + 35, x_words, "mid small"))
    for index, (label, line) in enumerate(series):
        colour = COLOURS[(1, 0, 3, 2)[index % 4]] if len(series) > 1 else COLOURS[0]
        plot(out, x_axis, y_axis, line, colour, above=index == 0)
        y = top + height + 56 + 18 * index
        out.append(f'<path d="M{left} {y - 4}h22" class="line" stroke="{colour}"/>{text(left + 30, y, label, "small")}')


def growth(title, panels, note):
    """panels: two of (heading, words under the x axis, series), side by side."""
    out, width, height = [], 340, 190
    for index, (heading, x_words, series) in enumerate(panels):
        panel(out, 72 + index * (width + 90), 78, width, height, heading, x_words, series)
    rows = max(len(series) for _, _, series in panels)
    return page(title, 78 + height + 56 + 18 * rows + 28, out, note)
