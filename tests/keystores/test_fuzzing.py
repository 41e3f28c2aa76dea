from contextlib import suppress
from pathlib import Path

import pytest

from fuzz import seeds
from fuzz.__main__ import CODECS
from twoway.errors import TwowayError
from twoway.keystores import load


@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_has_a_harness_and_seeds_that_it_reads(codec):
    """A seed that is refused at the door would leave the codec behind it unseen."""
    assert (Path(seeds.__file__).parent / f"{codec}.py").exists()
    assert any(
        reads(seed, password) for seed in getattr(seeds, codec)() for password in (seeds.PASSWORD, None)
    )


def reads(seed: bytes, password: str | None) -> bool:
    """Whether a seed is read with a password."""
    with suppress(TwowayError):
        return bool(load(seed, password).entries)
    return False
