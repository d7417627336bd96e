"""Letters and digits by which numbers are checked, as far as a form alone says too little."""

from __future__ import annotations

from typing import Final

#: Of a Spanish DNI or NIE, by the number's rest by 23 (Real Decreto 1553/2005, Orden INT/2058/2008).
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_NIE_DIGITS: Final = {"X": "0", "Y": "1", "Z": "2"}
#: Of a vehicle identification number, by place; the ninth is the check digit itself (49 CFR 565.15).
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_VALUES: Final = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))


def is_dni(said: str) -> bool:
    """Whether the letter of a Spanish DNI or NIE is right; signs between do not matter."""
    plain = "".join(letter for letter in said.upper() if letter.isalnum())
    number, letter = plain[:-1], plain[-1]
    number = _NIE_DIGITS.get(number[0], number[0]) + number[1:]
    return number.isdecimal() and _DNI_LETTERS[int(number) % 23] == letter


def is_vin(said: str) -> bool:
    """Whether the check digit of a vehicle identification number is right."""
    values = (int(sign) if sign.isdecimal() else _VIN_VALUES[sign] for sign in said)
    rest = sum(weight * value for weight, value in zip(_VIN_WEIGHTS, values, strict=True)) % 11
    return said[8] == ("X" if rest == 10 else str(rest))
