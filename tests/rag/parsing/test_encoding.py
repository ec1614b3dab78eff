"""Texts in UTF-8 of which little is damaged, and texts in other encodings, which are not taken for such."""

import pytest

from rag.parsing.formats import parse
from rag.parsing.shared.encoding import decode, n_damaged
from rag.shared.errors import UnreadableContent, UnsupportedFormat

TEXTS = {
    "fr": "L'été dernier, la mairie a rénové l'école. Le maître s'appelle Hervé Lefèvre.",
    "de": "Über die Brücke gehen täglich Fußgänger. Die Bögen wurden 1784 gemauert.",
    "pl": "Zażółć gęślą jaźń. W Krakowie dziś pada śnieg i jest zimno, a ludzie są w domu.",
    "ru": "Мост построен в 1784 году. Лодки стоят у причала весь день.",
    "el": "Η γέφυρα χτίστηκε το 1784 και στέκει ακόμα.",
    "he": "הגשר נבנה בשנת 1784 ועומד עד היום.",
    "ja": "港は一九〇一年に開かれた。クレーンは四十トンを持ち上げる。",
    "zh": "这座桥建于一七八四年，至今仍然屹立。船只整天停靠在码头。",
    "ko": "다리는 1784년에 지어졌으며 지금도 서 있다.",
    "emoji": "The bridge 🌉 is open 🙂, boats ⛵ wait.",
}
LEGACY = [
    ("fr", "cp1252"),
    ("fr", "mac-roman"),
    ("de", "latin-1"),
    ("pl", "cp1250"),
    ("pl", "iso8859-2"),
    ("ru", "cp1251"),
    ("ru", "koi8-r"),
    ("ru", "cp866"),
    ("el", "cp1253"),
    ("he", "cp1255"),
    ("ja", "shift_jis"),
    ("ja", "euc-jp"),
    ("zh", "gb18030"),
    ("ko", "euc-kr"),
]

every_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


def high_bytes(content: bytes) -> list[int]:
    return [at for at, byte in enumerate(content) if byte >= 0x80]


@every_text
@pytest.mark.parametrize("damage", [b"\xff", b"\x80", b"\xc3"])
def test_a_bad_byte_costs_itself_alone(text: str, damage: bytes) -> None:
    begun, ended = text.encode() * 3, text.encode() * 2
    content = begun + b" " + damage + b" " + ended
    assert decode(content) == text * 3 + " \ufffd " + text * 2
    assert n_damaged(content) == 1


@every_text
def test_a_letter_cut_off_at_the_end_costs_itself_alone(text: str) -> None:
    content = text.encode()
    last = max(at for at in high_bytes(content) if content[at] >= 0xC0)
    n_before = len(content[:last].decode())
    assert decode(content[: last + 1]) == text[:n_before] + "\ufffd"
    assert n_damaged(content[: last + 1]) == 1


@every_text
def test_a_letter_cut_off_at_the_start_costs_itself_alone(text: str) -> None:
    content = text.encode()
    first = high_bytes(content)[0] + 1
    assert decode(content[first:]) == content[first:].decode("utf-8", "replace")
    assert n_damaged(content[first:]) == 1


def test_a_text_cut_at_both_ends_is_read() -> None:
    content = TEXTS["ru"].encode()[1:-2]
    assert decode(content) == "\ufffd" + TEXTS["ru"][1:-2] + "\ufffd"
    assert n_damaged(content) == 2


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("# Café\n\nOpen all day.\n".encode() + b"\xc3", "# Café\n\nOpen all day.\n\ufffd"),
        ("Kyoto is written 京都".encode()[:-1], "Kyoto is written 京\ufffd"),
        ("京都".encode()[:-2], "京\ufffd"),
        ("Über uns: Öffnungszeiten für Gäste".encode()[1:], "\ufffdber uns: Öffnungszeiten für Gäste"),
    ],
)
def test_few_letters_are_enough_where_an_end_is_cut(content: bytes, text: str) -> None:
    assert decode(content) == text


def test_a_marked_text_is_read_as_what_it_is_marked_as() -> None:
    content = TEXTS["fr"].encode("utf-8-sig") + b"\xff"
    assert decode(content) == TEXTS["fr"] + "\ufffd"
    with pytest.raises(UnreadableContent, match="marked as utf-8-sig"):
        decode(b"\xef\xbb\xbf" + TEXTS["fr"].encode("cp1252"))


@pytest.mark.parametrize(("language", "encoding"), LEGACY)
def test_other_encodings_are_not_taken_for_damaged_utf_8(language: str, encoding: str) -> None:
    content = TEXTS[language].encode(encoding, "ignore")
    assert n_damaged(content) == 0
    for start in range(12):
        for end in range(start + 12, len(content), 5):
            assert n_damaged(content[start:end]) == 0


@pytest.mark.parametrize(
    ("language", "encoding"), [pair for pair in LEGACY if pair[1] not in ("mac-roman", "iso8859-2", "cp866")]
)
def test_other_encodings_are_told_as_before(language: str, encoding: str) -> None:
    text = (TEXTS[language] + "\n") * 10
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "text",
    ["»Das ist ein Riesenspaß«", "»Spaß« machen", "Ein Spaß«, rief er, „der müde macht“: là", "L’été «À la fin»"],
)
def test_signs_beside_letters_do_not_make_a_western_text_utf_8(text: str) -> None:
    assert n_damaged(text.encode("cp1252")) == 0


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.html", "a.py"])
def test_positions_and_the_number_of_places_are_of_the_text_that_is_stored(name: str) -> None:
    line = TEXTS["fr"].replace(",", "").encode()
    content = b"\n".join(
        [b"<p>Titre,Texte</p>", b"un," + line, b"deux,\xff\xfe " + line, b"trois," + line[:-20] + b"\xc3\n"]
    )
    parsed = parse(name, content)
    assert "rénové" in parsed.text and "Ã" not in parsed.text
    assert parsed.metadata["places_not_read"] == 2
    assert all(0 <= section.start <= section.end <= len(parsed.text) for section in parsed.sections)
    assert "places_not_read" not in parse(name, content.replace(b"\xff\xfe", b"").replace(b"\xc3\n", b"\n")).metadata


@every_text
def test_a_zero_byte_among_thousands_is_damage(text: str) -> None:
    clean = (text + "\n") * (8192 // len(text.encode()) + 1)
    content = clean.encode() + b"\x00" + text.encode()
    assert decode(content) == f"{clean}\ufffd{text}"
    assert n_damaged(content) == 1
    for refused in (b"\x00" + text.encode(), content + b"\x00" * 9, content + b"\x01"):
        assert n_damaged(refused) == 0
    with pytest.raises(UnsupportedFormat, match="binary data"):
        decode(clean.encode() + b"\x00" * 9)


def test_a_file_of_english_with_a_zero_byte_is_read() -> None:
    content = b"The bridge was built in 1784. " * 200
    assert decode(content + b"\x00" + content).count("\ufffd") == 1
