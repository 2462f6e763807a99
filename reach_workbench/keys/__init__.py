"""Ed25519 keys: making, keeping and using them; see `ed25519` and `keystore.KeyStore`."""
