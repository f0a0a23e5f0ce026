"""What goes wrong, one sentence each."""


class ExportError(Exception):
    """Something in the network that a `pinn-edge/1` model cannot hold; the message names it."""


class CommandError(Exception):
    """What the command `pinn-edge` refused, in its words."""
