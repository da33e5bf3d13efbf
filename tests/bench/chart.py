# SPDX-License-Identifier: Apache-2.0
"""Bar charts as SVG text, for figures with a low and a high. Draws what it is given and computes nothing else."""
from xml.sax.saxutils import escape

COLOURS = ("#1b6ca8", "#8a9ba8", "#c9d3da")
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 860, 330, 110, 18, 4, 54


def bars(title, groups):
    """groups: [(heading, [(label, {value, low, high}), …]), …]. Each group has a scale of its own, since shapes
    differ by two orders of magnitude and only the ratios within a shape mean something."""
    out, y = [], TOP
    for heading, rows in groups:
        out.append(f'<text x="16" y="{y}" class="head">{escape(heading)}</text>')
        y += 10
        largest = max(figure["high"] for _, figure in rows) or 1
        scale = (WIDTH - LEFT - RIGHT) / largest
        for index, (label, figure) in enumerate(rows):
            middle = y + BAR / 2
            out.append(f'<text x="{LEFT - 8}" y="{middle + 4}" class="label">{escape(label)}</text>')
            out.append(f'<rect x="{LEFT}" y="{y}" width="{figure["value"] * scale:.1f}" height="{BAR}" '
                       f'fill="{COLOURS[index % len(COLOURS)]}"/>')
            out.append(f'<path d="M{LEFT + figure["low"] * scale:.1f} {middle}H{LEFT + figure["high"] * scale:.1f}" '
                       'class="range"/>')
            out.append(f'<text x="{LEFT + figure["high"] * scale + 8:.1f}" y="{middle + 4}" class="value">'
                       f'{figure["value"]:,.0f}</text>')
            y += BAR + GAP
        y += 34
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
            f'role="img" aria-label="{escape(title)}">\n<style>text{{font:13px sans-serif;fill:#22303a}}'
            '.title{font-size:16px;font-weight:bold}.head{font-weight:bold}.label{text-anchor:end}'
            '.range{stroke:#22303a;stroke-width:2}</style>\n'
            f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>\n'
            f'<text x="16" y="26" class="title">{escape(title)}</text>\n' + "\n".join(out)
            + f'\n<text x="16" y="{y - 10}">Bars are medians, lines span low to high; each group has its own scale.'
            '</text>\n</svg>\n')
