"""What kills a worker that is given it."""

KILL = "__import__('os').kill(__import__('os').getpid(), 9)"
METRIC = "__import__('evonas.tasks.metrics', fromlist=['METRICS']).METRICS['error']"


class Bomb:
    """Kills the process that unpickles it, every time or only the first.

    It travels as an expression for eval: workers cannot import test modules.
    """

    def __init__(self, mark=None):
        self.mark = mark

    def __reduce__(self):
        if self.mark is None:
            return (eval, (KILL,))
        exists = f"__import__('os').path.exists({self.mark!r})"
        return (eval, (f"{METRIC} if {exists} else (open({self.mark!r}, 'w').close(), {KILL})",))
