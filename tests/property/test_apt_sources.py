"""Laws of reading and writing apt sources."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.image.apt import AptSource, parse_sources, render_sources


@given(st.text(max_size=300), st.sampled_from(["a.list", "a.sources"]))
def test_no_text_breaks_the_parser(text: str, name: str) -> None:
    for source in parse_sources(name, text):
        assert source.uris
        assert source.suites


words = st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), min_size=1, max_size=3).map(tuple)
sources = st.builds(
    AptSource,
    uris=words.map(lambda names: tuple(f"http://{name}.example/debian" for name in names)),
    suites=words,
    components=words,
    signed_by=st.sampled_from(["", "/usr/share/keyrings/debian-archive-keyring.gpg"]),
    architectures=st.sampled_from([(), ("amd64",)]),
    trusted=st.booleans(),
)


@given(st.lists(sources, max_size=4))
def test_what_is_written_is_read_back(found: list[AptSource]) -> None:
    assert list(parse_sources("x.sources", render_sources(found))) == found
