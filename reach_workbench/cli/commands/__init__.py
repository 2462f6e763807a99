"""The commands, a file for each group of them; every one ends in a table `COMMANDS`."""
