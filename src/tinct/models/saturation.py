"""Whether this processor multiplies 8 bits rightly.

x86 without VNNI adds two products of 8 bits up in 16, and what these cannot hold becomes the most
they can. onnxruntime takes that way unless told not to; it does not say whether it would.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tinct.models.runtime import onnxruntime
from tinct.models.wire import number, written

_LONG = 16  # numbers of each factor
_LARGEST = 255, 127  # of 8 bits without a sign, and with one
# the numbers that onnx.proto has for types
_UNSIGNED, _SIGNED, _WHOLE = 2, 3, 6


@cache
def saturates() -> bool:
    """Whether sums of products of 8 bits come out too small; tried once, which takes 3 ms."""
    return _try_out()


def _try_out() -> bool:
    engine = onnxruntime()
    options = engine.SessionOptions()
    options.intra_op_num_threads = 1
    session = engine.InferenceSession(_product(), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"a": np.full((1, _LONG), _LARGEST[0], np.uint8)})
    return int(found[0, 0]) != _LONG * _LARGEST[0] * _LARGEST[1]


def _product() -> bytes:
    """An ONNX file of one MatMulInteger: a row of unsigned numbers, a column of signed ones."""
    names = [written(1, b"a"), written(1, b"b"), written(2, b"c"), written(4, b"MatMulInteger")]
    column = np.full(_LONG, _LARGEST[1], np.int8).tobytes()
    weight = [number(1, _LONG), number(1, 1), number(2, _SIGNED), written(8, b"b")]
    graph = [
        written(1, b"".join(names)),
        written(2, b"product"),
        written(5, b"".join([*weight, written(9, column)])),
        written(11, _value(b"a", _UNSIGNED, _LONG)),
        written(12, _value(b"c", _WHOLE, 1)),
    ]
    version = written(8, number(2, 13))
    return number(1, 8) + version + written(7, b"".join(graph))


def _value(name: bytes, kind: int, columns: int) -> bytes:
    shape = b"".join(written(1, number(1, side)) for side in (1, columns))
    return written(1, name) + written(2, written(1, number(1, kind) + written(2, shape)))
