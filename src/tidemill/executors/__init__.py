"""Where tasks run: adapters of the port `core.ports.Executor`. None of them opens the database."""
