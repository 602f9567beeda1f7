"""The identity file: its contents, and its errors."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intake.identities import Identities, IdentitiesRefused, open_identities

NAME = b"Musterfrau^Xaveria"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "identities"


def opened(file: Path, key: Path | None = None, *, make: bool = True) -> Identities:
    return open_identities(file, key, make=make)


def test_stored_identities_are_found_and_the_file_reveals_nothing(file: Path) -> None:
    made = opened(file)
    made.put("intake/a.dcm", "d1", made.derived("1.2.3"), NAME)
    made.put("intake/a.dcm", "d2", made.derived("1.2.3"), b"corrected")
    again = opened(file, make=False)
    assert again.find("intake/a.dcm", "d1") == NAME
    assert again.find("intake/a.dcm", "d2") == b"corrected"
    assert again.find("intake/a.dcm", "d3") is None
    assert again.keys_of_study("1.2.3") == ["intake/a.dcm"]
    assert again.keys_of_study("1.2.4") == []
    for telling in (b"Musterfrau", b"1.2.3"):
        assert telling not in file.read_bytes()
    assert {oct(each.stat().st_mode)[-3:] for each in file.parent.iterdir()} == {"600"}


def test_erased_identities_are_gone_from_the_file_as_well(file: Path) -> None:
    made = opened(file)
    made.put("a", "d1", "", NAME)
    made.put("b", "d1", "", NAME)
    with sqlite3.connect(file) as connection:
        (sealed,) = connection.execute("SELECT sealed FROM identities WHERE key = 'a'").fetchone()
    connection.close()
    assert sealed in file.read_bytes()
    made.erase("a")
    assert (made.count("a"), made.count("b")) == (0, 1)
    assert sealed not in file.read_bytes()


def test_no_identity_can_be_put_in_the_place_of_another(file: Path) -> None:
    made = opened(file)
    made.put("a", "d", "", NAME)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE identities SET key = 'b' WHERE key = 'a'")
    connection.close()
    assert made.find("b", "d") is None


def test_one_key_derives_the_same_names_and_another_key_others(file: Path) -> None:
    made, again = opened(file), opened(file)
    other = opened(file.with_name("other"))
    assert made.derived("1.2") == again.derived("1.2") != other.derived("1.2")
    assert made.derived_digest("d") == again.derived_digest("d") != other.derived_digest("d")


def test_identities_of_concurrent_senders_are_all_kept(file: Path) -> None:
    made = opened(file)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: made.put(f"{number}", "d", "", NAME), range(80)))
    assert all(made.find(f"{number}", "d") == NAME for number in range(80))


def test_the_key_may_lie_elsewhere(file: Path, tmp_path: Path) -> None:
    key = tmp_path / "elsewhere"
    opened(file, key).put("a", "d", "", NAME)
    assert opened(file, key, make=False).find("a", "d") == NAME
    assert sorted(each.name for each in tmp_path.iterdir()) == ["elsewhere", "identities"]


def test_each_error_is_one_sentence(file: Path, tmp_path: Path) -> None:
    key = file.with_name("identities.key")
    with pytest.raises(IdentitiesRefused, match="is missing"):
        opened(file, make=False)
    opened(file).put("a", "d", "", NAME)
    kept = key.read_bytes()
    for mode, which in ((0o640, key), (0o644, file)):
        which.chmod(mode)
        with pytest.raises(IdentitiesRefused, match=f"may read {which}"):
            opened(file)
        which.chmod(0o600)
    key.write_bytes(b"short")
    with pytest.raises(IdentitiesRefused, match="is not a key"):
        opened(file)
    opened(tmp_path / "other")
    key.write_bytes((tmp_path / "other.key").read_bytes())
    with pytest.raises(IdentitiesRefused, match="not the one that"):
        opened(file)
    key.unlink()
    with pytest.raises(IdentitiesRefused, match="Put its copy back"):
        opened(file)  # a new key would orphan what is there
    key.write_bytes(kept)
    key.chmod(0o600)
    assert opened(file).find("a", "d") == NAME
    file.write_bytes(b"no database" * 100)
    with pytest.raises(IdentitiesRefused, match="can't be used as an identity file"):
        opened(file)
    with pytest.raises(IdentitiesRefused, match="No such file or directory"):
        opened(tmp_path / "nowhere" / "identities")
