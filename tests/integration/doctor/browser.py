"""A real browser without a window."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

#: Loads the page into a frame of a phone's or a desk's width and tells what a reader would see.
_HARNESS = """<!doctype html><title>harness</title>
<iframe id=f src="page.html" style="border:0;width:{width}px;height:900px"></iframe>
<pre id=told></pre>
<script>
document.getElementById("f").onload = () => {{
  const frame = document.getElementById("f"), inner = frame.contentDocument, root = inner.documentElement;
  for (const more of inner.querySelectorAll("details")) more.open = true;
  const style = frame.contentWindow.getComputedStyle(inner.body);
  document.getElementById("told").textContent = JSON.stringify({{
    width: root.clientWidth, content: root.scrollWidth, background: style.backgroundColor,
    color: style.color, size: parseFloat(style.fontSize), title: inner.title, text: inner.body.innerText,
    requests: frame.contentWindow.performance.getEntriesByType("resource").map(r => r.name),
  }});
}};
</script>"""


def find_browser() -> str | None:
    """The first that is installed."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def look_at(page: str, folder: Path, *, width: int, dark: bool) -> dict[str, Any]:
    """What the page is like at a width, in a light or dark browser."""
    browser = find_browser()
    assert browser is not None
    (folder / "page.html").write_text(page)
    (folder / "harness.html").write_text(_HARNESS.format(width=width))
    argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    argv += [
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={int(not dark)}",
    ]
    argv += ["--virtual-time-budget=20000", "--dump-dom", (folder / "harness.html").as_uri()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    told = re.search(r"<pre id=\"told\">(.*?)</pre>", done.stdout, re.DOTALL)
    assert told is not None, done.stdout[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(told[1]))
    return found
