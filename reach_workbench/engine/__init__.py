"""The pure engine: documents become programs, facts become events and commands.

Nothing below this package reads a clock, draws chance or does I/O (an import contract
keeps it so). Time is a fact's timestamp; ids are derived from the run's id and a counter.
"""
