"""The configuration of `send`: the example explains every key, errors are one sentence."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from delivery.settings import Settings, Web, read_settings
from screening.errors import Mistake

EXAMPLE = Path(__file__).parents[2] / "delivery" / "send.example.toml"
AWS = '[aws]\nqueue = "q"\ndead_letters = "d"\ntable = "t"\n'
ENGINE = '[hl7]\nhost = "h"\nport = 2575\n'


def test_the_example_can_be_read_and_names_every_key() -> None:
    settings = read_settings(EXAMPLE)
    text = EXAMPLE.read_text()
    hints: dict[str, Any] = get_type_hints(Settings)
    for section in fields(Settings):
        kind = next(
            each
            for each in (*get_args(hints[section.name]), hints[section.name])
            if is_dataclass(each)
        )
        assert getattr(settings, section.name) is not None
        for key in fields(kind):
            assert f"\n{key.name} = " in text or f"`{key.name}`" in text, (section.name, key.name)
    assert isinstance(settings.fhir, Web)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "aws is missing"),
        ("[aws", "is not valid TOML"),
        (AWS, "names no destination"),
        (AWS + ENGINE.replace("2575", "0"), "port must be from 1 to 65535"),
        (AWS + ENGINE.replace("2575", '"2575"'), "port must be a whole number"),
        (AWS + ENGINE + "spool = 1\n", "spool is not a key here"),
        (AWS + '[fhir]\nurl = "ftp://x"\n', "url must begin with"),
        (AWS + '[fhir]\nurl = "https://x"\nauthentication = "bearer"\n', "needs secret_file"),
        (AWS + '[fhir]\nurl = "https://x"\nauthentication = "sigv4"\n', "sigv4 needs region"),
        (AWS + '[fhir]\nurl = "https://x"\nauthentication = "oauth"\n', "must be one of"),
        (AWS + ENGINE + "[arrivals]\n", "needs [dicomweb]"),
        (AWS + ENGINE + '[results]\nidentity_key = "k"\n', "is the key of keep_identity's file"),
        (
            AWS + '[pacs]\nhost = "h"\nport = 104\ntitle = "much too long a title"\n',
            "not an AE title",
        ),
        ("pacs = 1\n" + AWS, "pacs must be a table"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_the_key(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "send.toml"
    file.write_text(text)
    with pytest.raises(Mistake) as raised:
        read_settings(file)
    assert said in str(raised.value)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="can't be read"):
        read_settings(tmp_path / "none.toml")
