"""Cards of data sets, ``<name>.toml``; cards of weights would be in the folder ``weights``."""
