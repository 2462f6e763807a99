"""The only user of the database: runs, events, jobs, audit; see `store.Store`."""
