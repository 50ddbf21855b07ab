"""Our side of rows whose every sample needs a process that has done nothing before; each prints one line of JSON."""
