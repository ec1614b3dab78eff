"""What stands in a document beside its running text, told by its words: bibliographies."""

import re

_REFERENCES = re.compile(
    r"""\W*(?:(?:\d{1,2}|[A-Z]|[IVX]{1,5})\.?\s+)?(?:
    references?(?:\ cited)? | bibliography | (?:works|literature|sources)\ cited
    | notes\ and\ references | literature | citations | further\ reading | external\ links
    | literatur(?:verzeichnis|nachweise)? | quellen(?:verzeichnis)? | einzelnachweise | weblinks
    | bibliographie | références(?:\ bibliographiques)? | notes\ et\ références
    | bibliografía | referencias | bibliografia | riferimenti | referências | literatuur | bronnen
    | källor | referenser | kilder | список\ литературы | литература | 参考文献
    )\W*""",
    re.I | re.X,
)
_ENTRY = re.compile(
    r"""^\s*(?:\[\w{1,12}\] | \^ | \d{1,3}\.\s) | (?:1[5-9]|20)\d\d[a-z]?\b | https?: | www\. | doi | ISBN
    | \bpp?\.\s?\d | \bet\ al\b | \b[A-Z]\.,?\s[A-Z]""",
    re.X,
)


def is_references(heading: str) -> bool:
    """Whether a heading stands over a bibliography or a list of links."""
    return len(heading) < 60 and _REFERENCES.fullmatch(heading) is not None


def is_entry(text: str) -> bool:
    """Whether a paragraph under such a heading can be an entry: it has a number, a year, an address or initials."""
    return _ENTRY.search(text) is not None
