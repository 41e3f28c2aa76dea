"""Two-way TLS to look at: real parts on this machine, brought up for a demonstration."""
