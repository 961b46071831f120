from importlib.metadata import version

from l2send.core.version import VERSION


def test_it_is_the_version_of_the_package() -> None:
    assert version("l2send") == VERSION
