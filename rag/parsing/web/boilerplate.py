"""What of a page is its content: not what is never shown, nor its furniture, told by element, role, usual names and links."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parsing.structure.builder import plain

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

UNSEEN = frozenset(
    "script style noscript template svg iframe object embed head button select option input textarea datalist canvas audio video "
    "map annotation annotation-xml rp rt dialog del".split()
)
_FURNITURE = frozenset(("nav", "aside", "menu"))
_FURNITURE_ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog", "toolbar")
)
_FURNITURE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navbox|navigation|menu|sidebar|breadcrumbs?|footer|cookies?|cookie-\w+|gdpr|masthead|share|sharing|social|"
    r"related|recommended|onetrust[\w-]*|cc-(?:window|banner)|advert\w*|ads?|promo|newsletter|subscribe|skip-?link|skip|"
    r"pagination|pager|toc|headerlink|noprint|mw-editsection|popup|modal)(?:$|[\s_-])",
    re.I,
)
_LETTERS = re.compile(r"[\W_\u00b6]+")
HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PARENT_BLOCKS = frozenset(
    ("div", "ul", "ol", "dl", "table", "section", "header", "footer", "form", "center", "p", "td")
)


@dataclass(slots=True)
class Size:
    """Characters shown below an element, those of them in links, and how many links."""

    text: int = 0
    linked: int = 0
    links: int = 0


def measure(root: "LexborNode") -> dict[int, Size]:
    """The size of each element below the root, by its number in memory."""
    sizes: dict[int, Size] = {}
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        size = sizes.setdefault(node.mem_id, Size())
        if not leaving:
            stack.append((node, True))
            for inner in node.iter(include_text=True):
                if inner.is_text_node:
                    size.text += len(plain(inner.text_content or ""))
                elif inner.is_element_node and inner.tag not in UNSEEN:
                    stack.append((inner, False))
            continue
        if node.tag == "a":
            size.linked, size.links = size.text, 1
        if node.mem_id != root.mem_id and (parent := node.parent) is not None:
            above = sizes[parent.mem_id]
            above.text += size.text
            above.linked += size.linked
            above.links += size.links
    return sizes


def main_element(tree: "LexborHTMLParser", body: "LexborNode", sizes: dict[int, Size]) -> "LexborNode":
    """The element that says it is the main content and holds a fair share of the text, or else the body."""
    for selector in ("main", "[role=main]", "article"):
        found = [node for node in tree.css(selector) if node.mem_id in sizes]
        if len(found) == 1 or found and selector == "main":
            best = max(found, key=lambda node: sizes[node.mem_id].text)
            size = sizes[best.mem_id]
            if size.text - size.linked >= 0.25 * (sizes[body.mem_id].text - sizes[body.mem_id].linked) > 0:
                return best
    return body


def furniture(root: "LexborNode", sizes: dict[int, Size], *, links: bool) -> set[int]:
    """Elements below the root that are not its content. links: whether blocks that are mostly links are among them."""
    total = sizes[root.mem_id].text
    prose = total - sizes[root.mem_id].linked
    named: set[int] = set()
    linked: set[int] = set()
    stack = [root]
    while stack:
        for inner in stack.pop().iter():
            if (size := sizes.get(inner.mem_id)) is None:
                continue
            if _is_furniture(inner, root) and (size.text - size.linked) <= 0.4 * prose or is_hidden(inner):
                named.add(inner.mem_id)
            elif links and inner.tag in _PARENT_BLOCKS and size.links >= 3 and size.linked > 0.7 * size.text:
                linked.add(inner.mem_id)
            else:
                stack.append(inner)
    if sum(sizes[number].text for number in linked) > 0.6 * total:
        linked = set()  # a page of links: they are its content
    return named | linked


def _is_furniture(node: "LexborNode", root: "LexborNode") -> bool:
    tag = node.tag
    if tag in _FURNITURE:
        return True
    if tag in ("header", "footer"):  # the page's own, not an article's
        parent = node.parent
        while parent is not None and parent.mem_id != root.mem_id:
            if parent.tag in ("article", "section", "main", "blockquote", "figure"):
                return False
            parent = parent.parent
        return root.tag == "body"
    attributes = node.attributes
    if (attributes.get("role") or "").lower() in _FURNITURE_ROLES:
        return True
    if tag in ("body", "main", "article", "table", "p", "code", "pre") or tag in HEADINGS:
        return False
    return any(_FURNITURE_NAMES.search(attributes.get(key) or "") for key in ("class", "id")) and not _is_chapter(node)


def _is_chapter(node: "LexborNode") -> bool:
    """Whether an element is called as the heading that it begins with, as programs call chapters: "Pagination" of a manual."""
    name = _LETTERS.sub("", (node.attributes.get("id") or "").lower())
    elements = (inner for inner in node.iter() if inner.is_element_node)
    first = next((inner for inner in elements if inner.tag not in ("a", "span") or plain(inner.text())), None)
    return bool(name) and first is not None and first.tag in HEADINGS and _LETTERS.sub("", first.text().lower()) == name


def is_hidden(node: "LexborNode") -> bool:
    attributes = node.attributes
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return "hidden" in attributes or (attributes.get("aria-hidden") or "").lower() == "true" or "display:none" in style
