"""What a command may do: PURE. A request and policies in; a decision and its obligations out.

`load` reads the texts of `*.cedar` files; `PolicySet.decide` answers a `Request`.
"""
