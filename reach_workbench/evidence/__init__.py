"""What proves something to somebody who trusts neither the node nor its database. Pure: signing comes from outside."""
