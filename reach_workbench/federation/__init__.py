"""Identity, pairing, signed requests, delegation between nodes. Not built yet."""
