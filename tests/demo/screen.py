# SPDX-License-Identifier: Apache-2.0
"""What the demo shows while it works: lines on standard output, the office's stream among them, and a progress
bar below on standard error where that is a terminal. Two threads write here, so each line goes out whole."""
import os
import sys
import threading

import grid

BAR_COLUMNS = 24


class Screen:
    def __init__(self, quiet):
        self.quiet = quiet
        self.terminal = sys.stdout.isatty()
        self.colour = self.terminal and "NO_COLOR" not in os.environ
        self.has_bar = sys.stderr.isatty() and not quiet
        self.bar = ""
        self.lock = threading.Lock()

    def _erase(self):
        if self.bar:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self):
        if self.bar:
            sys.stderr.write(self.bar)
            sys.stderr.flush()

    def line(self, text="", colour=None):
        """A line, unless the demo is to be quiet."""
        if self.quiet:
            return
        with self.lock:
            self._erase()
            print(grid.tint(text, colour, self.colour), flush=True)
            self._draw()

    def always(self, text):
        with self.lock:
            self._erase()
            self.bar = ""
            print(text, flush=True)

    def stream(self, line):
        """A line of the office's stream: it scrolls by on a terminal, and is in its file otherwise."""
        if self.terminal:
            self.line(line)

    def advance(self, done, total, text):
        if not self.has_bar:
            return
        full = BAR_COLUMNS * done // total
        room = os.get_terminal_size(sys.stderr.fileno()).columns - BAR_COLUMNS - 4
        with self.lock:
            self._erase()
            self.bar = f"[{'#' * full}{'.' * (BAR_COLUMNS - full)}] {grid.cut(text, max(room, 8))}"
            self._draw()

    def end_bar(self):
        with self.lock:
            self._erase()
            self.bar = ""
