"""Packages match their pins exactly, or are refused; missing ones are named."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from l2send.core.errors import ConfigError, NetworkError
from l2send.devnet import anvil, compiler, packages

NPM = """#!/bin/sh
# A registry that serves what lies in $FAKE_TARBALL.
while [ "$1" != "--pack-destination" ]; do shift; done
cp "$FAKE_TARBALL" "$2/package.tgz"
"""
PIN = packages.Pin("fake", "1.0.0", "", ("a/file.txt", "bin/run"))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `npm` that gives out one tarball, whose path this returns."""
    tarball = tmp_path / "served.tgz"
    with tarfile.open(tarball, "w:gz") as tar:
        for name, text in (
            ("package/a/file.txt", b"hello"),
            ("package/bin/run", b"#!/bin/sh\n"),
            ("package/unused", b"x" * 1000),
            ("package/../../escape", b"evil"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(NPM)
    (folder / "npm").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_TARBALL", str(tarball))
    return tarball


def pinned(tarball: Path, pin: packages.Pin = PIN) -> packages.Pin:
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    return dataclasses.replace(pin, integrity=f"sha512-{digest}")


def test_only_named_files_are_unpacked(registry: Path, tmp_path: Path) -> None:
    said: list[str] = []
    (folder,) = packages.fetch([pinned(registry)], tmp_path / "cache", said.append)
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == ["a/file.txt", "bin/run"]
    assert stat.S_IMODE((folder / "bin/run").stat().st_mode) == 0o700
    first = "The first time, this downloads 1 package, which takes about a minute"
    assert said == [first, "Fetching fake@1.0.0"]


def test_second_time_nothing_is_fetched(registry: Path, tmp_path: Path) -> None:
    pin = pinned(registry)
    first = packages.fetch([pin], tmp_path / "cache", lambda _: None)
    registry.unlink()
    said: list[str] = []
    assert packages.fetch([pin], tmp_path / "cache", said.append) == first
    assert said == []


def test_other_bytes_are_refused_and_not_kept(registry: Path, tmp_path: Path) -> None:
    pin = pinned(registry)
    with open(registry, "ab") as out:
        out.write(b"\0")
    with pytest.raises(ConfigError, match="not the one this devnet was made with"):
        packages.fetch([pin], tmp_path / "cache", lambda _: None)
    assert [p.name for p in (tmp_path / "cache/devnet-packages").iterdir()] == ["lock"]


def test_missing_file_is_named(registry: Path, tmp_path: Path) -> None:
    pin = pinned(registry, dataclasses.replace(PIN, files=("no/such",)))
    with pytest.raises(ConfigError, match="lacks no/such"):
        packages.fetch([pin], tmp_path / "cache", lambda _: None)


def test_npm_that_fails(registry: Path, tmp_path: Path) -> None:
    registry.unlink()
    with pytest.raises(NetworkError, match="npm could not fetch fake@"):
        packages.fetch([PIN], tmp_path / "cache", lambda _: None)


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="needs `npm`") as caught:
        packages.fetch([PIN], tmp_path / "cache", lambda _: None)
    assert "Install Node.js" in caught.value.hint


def test_concurrent_fetches_share_one_cache(registry: Path, tmp_path: Path) -> None:
    pin = pinned(registry)
    script = (
        "import sys; from pathlib import Path; from l2send.devnet import packages;"
        f"print(packages.fetch([packages.Pin(*{(pin.name, pin.version, pin.integrity, pin.files)!r})],"
        f" Path({str(tmp_path / 'cache')!r}), lambda _: None)[0].is_dir())"
    )
    runs = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(4)]
    assert [run.communicate()[0] for run in runs] == [b"True\n"] * 4


def test_anvil_on_path_is_used_if_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "anvil"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "anvil_pin", lambda: None)
    fake.write_text("#!/bin/sh\necho 'anvil Version: 1.8.0-nightly'\n")
    fake.chmod(0o700)
    assert anvil.find(tmp_path / "cache", lambda _: None) == fake
    fake.write_text("#!/bin/sh\necho 'anvil 0.2.0 (abc 2024-01-01)'\n")
    with pytest.raises(ConfigError, match=r"`anvil` 1\.7\.1 or newer on PATH"):
        anvil.find(tmp_path / "cache", lambda _: None)


def test_without_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="needs `node`"):
        compiler.compiled(tmp_path / "solc", tmp_path / "cache")


def test_every_package_is_pinned_by_hash_and_licence() -> None:
    for pin in packages.contract_pins().values():
        assert pin.integrity.startswith("sha512-")
        assert len(pin.integrity) == len("sha512-") + 88
        assert pin.files
