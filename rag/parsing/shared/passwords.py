"""Files that are protected by a password: what is said of them, and office files as they are without it."""

import io
from collections.abc import Sequence

from rag.shared.errors import UnreadableContent

ENCRYPTED = "EncryptedPackage"  # the part of a compound file that holds the protected one
PROTECTED = "it is protected by a password: give it with --password-file, or save the file without one"
PROTECTED_BY_OTHER = "it is protected by a password that is none of those given"


def decrypted(content: bytes, passwords: Sequence[str]) -> bytes:
    """The content of a DOCX, PPTX or XLSX that one of the passwords opens.

    Raises UnreadableContent where none does, or where the library for it is not installed.
    """
    try:
        import msoffcrypto
        from msoffcrypto.exceptions import DecryptionError, InvalidKeyError
    except ImportError as error:
        raise UnreadableContent(
            "protected office files are read with footnote-rag[passwords]: install that, or save the file without a password"
        ) from error
    for password in passwords:
        file = msoffcrypto.OfficeFile(io.BytesIO(content))
        out = io.BytesIO()
        try:
            file.load_key(password=password, verify_password=True)
            file.decrypt(out)
        except (InvalidKeyError, DecryptionError):
            continue
        return out.getvalue()
    raise UnreadableContent(PROTECTED_BY_OTHER)
