"""GPT-2's alphabet: a printable character for every byte, in which vocab.json spells its tokens."""

# Bytes that print stand for themselves; the others, in order, for the characters from U+0100 on.
_PRINTING = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTING]

CHARACTER_OF_BYTE = {byte: chr(byte) for byte in _PRINTING} | {
    byte: chr(0x100 + number) for number, byte in enumerate(_OTHERS)
}
# U+FFFF stands for what is no letter of the alphabet, yet below U+0100.
_LETTERS = {ord(character): byte for byte, character in CHARACTER_OF_BYTE.items()}
_TO_BYTES = dict.fromkeys(_OTHERS, 0xFFFF) | _LETTERS


def spell(text: str) -> bytes:
    """The bytes that a token's characters stand for.

    Raises:
        UnicodeEncodeError: a character is not of the alphabet.
    """
    return text.translate(_TO_BYTES).encode("latin-1")
