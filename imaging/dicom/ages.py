"""The patient's age, from all tags of a file that give it."""

import re
from collections.abc import Sequence
from datetime import date

from screening.facts import ADULT_YEARS

OLDEST_YEARS = 125  # greater ages are errors

# The standard's D, W, M and Y, and other words for them that occur, in several languages.
_UNITS = {
    "D": "DAY DAYS TAG TAGE JOUR JOURS DIA DIAS",
    "W": "WK WKS WEEK WEEKS WOCHE WOCHEN SEMAINE SEMAINES SEMANA SEMANAS",
    "M": "MO MOS MTH MTHS MON MONTH MONTHS MONAT MONATE MOIS MES MESES",
    "Y": "YR YRS YEAR YEARS J JAHR JAHRE A AN ANS ANO ANOS ANNI JAAR Y/O YO",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in (unit, *words.split())}
_AGE = re.compile(
    r"(?:P|Y|AGE|YEARS?)?[\s:]*(\d{1,4}(?:[.,]\d+)?)\s*[-.]?\s*([A-ZÑ/]*)(?![A-ZÑ]).*"
)
_IN_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_DATE = re.compile(r"(\d{4})[-./ ]?(\d{1,2})?[-./ ]?(\d{1,2})?")
_DAY_FIRST = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4})")


def age_of(stated: str, birth_date: str, dates: Sequence[str]) -> str | None:
    """Return the age in DICOM's form, e.g. 004Y or 018M; None if nothing can be read.

    `stated` is PatientAge, `dates` are those of the study and its parts. If `stated` and the dates
    disagree on whether the patient is an adult, the adult age is used, so that a person decides.
    """
    ages = [each for each in (_stated(stated), _from_dates(birth_date, dates)) if each]
    adult = next((each for each in ages if each[1] >= ADULT_YEARS), None)
    found = adult or next(iter(ages), None)
    return found[0] if found else None


def _stated(stated: str) -> tuple[str, float] | None:
    """Return PatientAge in DICOM's form and in years; a bare number means years."""
    text = stated.strip().upper()
    if text.startswith("ADULT"):
        return f"{ADULT_YEARS:03d}Y", float(ADULT_YEARS)
    found = _AGE.fullmatch(text)
    unit = _UNIT_OF.get((found[2] or "Y").replace("Ñ", "N")) if found else None
    if found is None or unit is None:
        return None
    number = float(found[1].replace(",", "."))
    years = number / _IN_A_YEAR[unit]
    return (_written(number, unit), years) if years <= OLDEST_YEARS else None


def _written(number: float, unit: str) -> str:
    if number > 999:
        return _written(number / _IN_A_YEAR[unit], "Y")
    return f"{int(number):03d}{unit}" if number >= 1 or unit == "D" else "000Y"


def _from_dates(birth_date: str, dates: Sequence[str]) -> tuple[str, float] | None:
    born = _date(birth_date)
    for each in dates:
        taken = _date(each)
        if born is None or taken is None:
            continue
        months = (taken.year - born.year) * 12 + taken.month - born.month - (taken.day < born.day)
        if 0 <= months <= 12 * OLDEST_YEARS:
            years = months / 12
            return (f"{months:03d}M" if months < 36 else f"{months // 12:03d}Y"), years
    return None


def _date(text: str) -> date | None:
    """Return a date written in DICOM's form, in ISO's, with the day first, or as a year alone."""
    if found := _DAY_FIRST.fullmatch(text.strip()):
        day, month, year = (int(each) for each in found.groups())
    elif found := _DATE.match(text.strip()):
        year, month, day = (int(each or 1) for each in found.groups())
    else:
        return None
    try:
        return date(year, month or 1, day or 1)
    except ValueError:
        return None
