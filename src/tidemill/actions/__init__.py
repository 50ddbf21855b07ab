"""One function for each user verb. Each takes the App; none knows a terminal or HTTP."""
