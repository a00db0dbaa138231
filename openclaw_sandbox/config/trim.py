"""Trimming as JavaScript does it: needed wherever our answer must equal the reference's."""

from __future__ import annotations

#: What `String.prototype.trim` removes; Python's `strip()` would also take U+001C to U+001F and U+0085, and
#: would leave U+FEFF.
_SPACES = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def trim(text: str) -> str:
    """`text.trim()`."""
    return text.strip(_SPACES)
