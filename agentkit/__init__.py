"""agentkit: Python functions become tools, and agents run over any Chat Completions endpoint."""

TYPE_CHECKING = False  # type checkers take it as true
if TYPE_CHECKING:
    from .names import *  # noqa: F403  names.__all__ says which
else:

    def __getattr__(name: str) -> object:
        """All public names are imported when the first is asked for: the command line's help needs none of them."""
        from importlib import import_module

        names = import_module(f"{__name__}.names")
        globals().update({public: getattr(names, public) for public in names.__all__}, __all__=names.__all__)
        if name not in globals():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals()[name]
