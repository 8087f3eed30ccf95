import os
import stat
import threading
from pathlib import Path

import polars as pl
import pytest

from detector.collect.enrich.keyfile import new_key, rotate_key
from detector.collect.enrich.secret import HEADER, Secret, configured_secret, read_secret
from detector.collect.enrich.tokens import Tokens
from detector.config import Key
from detector.errors import DetectorError, FaultsError, StateError

PLAIN = "an old key of several words"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def plain(path: Path, text: str = PLAIN, permissions: int = 0o600) -> Path:
    path.write_text(text + "\n", "utf-8")
    path.chmod(permissions)
    return path


def token(key: Secret) -> str:
    return Tokens(key).subjects(pl.Series(["1850578006084"])).item()


def test_a_new_key_is_its_owners_alone_and_takes_nobodys_place(tmp_path: Path) -> None:
    made = new_key(tmp_path / "a.key")
    assert mode(tmp_path / "a.key") == 0o600
    assert len(made.text) == 64
    assert read_secret(tmp_path / "a.key") == made
    before = (tmp_path / "a.key").read_bytes()
    with pytest.raises(DetectorError, match="File exists"):
        new_key(tmp_path / "a.key")
    assert (tmp_path / "a.key").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.key"]


def test_rotations_keep_every_key_before_them(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.key")
    first = read_secret(path)
    second, third = rotate_key(path), rotate_key(path)
    read = read_secret(path)
    assert read == third
    assert [one.id for one in read.every] == [third.id, second.id, first.id]
    assert [one.made for one in read.every] == [third.made, second.made, "-"]
    assert token(read.former[1]) == token(first)
    assert token(read) == token(third) != token(second)
    assert os.listdir(tmp_path) == ["a.key"]


def test_rotations_at_the_same_time_lose_no_key(tmp_path: Path) -> None:
    new_key(tmp_path / "a.key")
    threads = [threading.Thread(target=rotate_key, args=(tmp_path / "a.key",)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({key.id for key in read_secret(tmp_path / "a.key").every}) == 9


def test_a_link_stays_one_and_the_mode_becomes_fit_for_a_key(tmp_path: Path) -> None:
    path = plain(tmp_path / "real.key", permissions=0o644)
    (tmp_path / "link.key").symlink_to(path)
    made = rotate_key(tmp_path / "link.key")
    assert (tmp_path / "link.key").is_symlink()
    assert read_secret(path).id == made.id
    assert mode(path) == (0o640 if os.getuid() == 0 else 0o600)


def test_who_may_read_a_key(tmp_path: Path) -> None:
    allowed = {0o600, 0o400} | ({0o640, 0o440} if os.getuid() == 0 else set())
    for permissions in (0o600, 0o400, 0o640, 0o440, 0o604, 0o660, 0o644):
        path = plain(tmp_path / f"{permissions:o}.key", permissions=permissions)
        exposed = read_secret(path).exposed
        assert (exposed is None) == (permissions in allowed), oct(permissions)
        assert exposed is None or exposed.startswith(f"{path}: the key is open to others (mode {permissions:04o},")


def test_an_id_tells_keys_apart_and_is_the_same_wherever_the_key_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", PLAIN)
    of_environment = configured_secret(Key(env="THE_KEY"))
    assert of_environment is not None
    assert of_environment.id == read_secret(plain(tmp_path / "a.key")).id
    assert len({Secret(text=f"{number:016}", origin="run").id for number in range(200)}) == 200


def test_every_line_that_is_wrong_is_named_and_none_shown(tmp_path: Path) -> None:
    made = new_key(tmp_path / "a.key")
    altered = made.text[:-1] + ("0" if made.text[-1] != "0" else "1")
    lines = [HEADER, "# a note", f"{made.id} {made.made} {altered}", "", f"{made.id} {made.text}", "abcdef12 - short"]
    with pytest.raises(FaultsError) as fault:
        read_secret(plain(tmp_path / "b.key", "\n".join(lines)))
    assert [one.line for one in fault.value.faults] == [3, 5, 6]
    assert made.text not in str(fault.value)
    assert altered not in str(fault.value)
    with pytest.raises(FaultsError, match="a key is required under the first line"):
        read_secret(plain(tmp_path / "c.key", HEADER))
    (tmp_path / "d.key").write_bytes(b"\xff" * 20)
    with pytest.raises(FaultsError, match="not UTF-8"):
        read_secret(tmp_path / "d.key")


def test_a_former_key_is_found_by_its_id_and_another_is_refused(tmp_path: Path) -> None:
    first = new_key(tmp_path / "a.key")
    second = rotate_key(tmp_path / "a.key")
    assert second.under(None) is second
    assert second.under(first.id).text == first.text
    with pytest.raises(StateError, match="of key 00000000; the key given is"):
        second.under("00000000")


def test_what_cannot_be_rotated_is_said(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="one line"):
        rotate_key(plain(tmp_path / "a.key", f"{PLAIN}\n{PLAIN}"))
    with pytest.raises(FaultsError, match="cannot be read"):
        rotate_key(tmp_path / "none.key")
    with pytest.raises(DetectorError, match="a folder is required"):
        new_key(tmp_path / "none" / "a.key")
