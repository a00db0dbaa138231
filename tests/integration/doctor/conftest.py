"""The page is looked at where this machine has a browser; scripts/test installs one."""

from __future__ import annotations

from tests.integration.doctor.browser import find_browser

collect_ignore = [] if find_browser() else ["test_page_in_browser.py"]
