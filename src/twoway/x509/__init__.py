"""Keys, names, requests, certificates, chains and purposes. Pure: bytes and times come in, values go out."""
