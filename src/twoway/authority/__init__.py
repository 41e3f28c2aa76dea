"""Certificate authorities: what they issue and revoke. Pure: clock, serial number and signer come in."""
