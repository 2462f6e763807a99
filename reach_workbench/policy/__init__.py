"""Access policies and gates: PURE, query and policies in, decision and obligations out. Not built yet."""
