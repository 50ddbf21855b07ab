"""The vocabulary of Tidemill: graph, values, states, records, events, ports and errors.

Standard library only; nothing here may import the rest of the package or touch files, clocks, threads or the network.
"""
