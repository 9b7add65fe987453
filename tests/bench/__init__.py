"""Measure SFA beside its rivals: ``bin/bench NAME``, a bench a module here, what they share in ``kit``.

A bench is a module with a one-line docstring first, ``main(argv) -> int``, and ``if __name__ == "__main__":
raise SystemExit(main(sys.argv[1:]))``. It takes the options of `kit.report.parser` (``--quick``, ``--json``,
``--rounds``, ``--smoke``). With ``--smoke`` it runs its smallest cell once, alone, without any rival and without
installing anything, within a few seconds: the tests run that, so that a bench can't rot; they assert on no figure.
A rival runs in an environment of its own (`kit.rivals`), one at a time, in ABBA order (`kit.measure.abba`), under
the same settings; where it can't be had, the report says so in a line.
"""
