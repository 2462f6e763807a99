"""The interface of a node, with its requests and views."""
