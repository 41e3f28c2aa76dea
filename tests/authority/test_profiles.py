from __future__ import annotations

from twoway.authority.profiles import CLIENT, ISSUING, ROOT, SERVER


def test_leaves_have_one_purpose_each():
    """A server's certificate opens nothing as a client's, and the other way round."""
    assert (("serverAuth",), ("clientAuth",)) == (SERVER.extended_key_usage, CLIENT.extended_key_usage)
    assert [("digitalSignature",)] * 2 == [SERVER.key_usage, CLIENT.key_usage]


def test_authorities_sign_and_do_nothing_else():
    """A key usage of signing certificates and lists, and as few authorities below as there are."""
    assert [("keyCertSign", "cRLSign")] * 2 == [ROOT.key_usage, ISSUING.key_usage]
    assert (1, 0) == (ROOT.path_length, ISSUING.path_length)
    assert [True, True, False, False] == [profile.ca for profile in (ROOT, ISSUING, SERVER, CLIENT)]


def test_servers_stay_below_what_browsers_take():
    """398 days."""
    assert SERVER.days < 398
