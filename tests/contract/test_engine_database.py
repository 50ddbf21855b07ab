"""The engine on real databases, with the inline executor on a virtual clock."""
