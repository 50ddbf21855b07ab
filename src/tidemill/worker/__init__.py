"""Inside the task's process: load inputs, call the function, store outputs, report. Opens no database."""
