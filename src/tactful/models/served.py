"""The models that a runtime may load: by name, from bytes. Nothing is fitted here, no torch imported."""

import importlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.models import MODELS
from tactful.models.protocol import Model


class _Array(msgspec.Struct, frozen=True):
    """An array of float64, little endian, in row-major order."""

    shape: tuple[int, ...]
    data: bytes


class _Saved(msgspec.Struct, frozen=True):
    """What a model is saved as. `version` is checked on loading. Texts stand apart: bytes and text do not mix."""

    name: str
    version: str
    parameters: dict[str, _Array | bytes]
    schema_version: int = 1
    texts: dict[str, str] = {}


def resolve(name: str) -> Any:
    """Returns the class of a saved model's name.

    Raises:
        InvalidModel: for a name that `MODELS` does not have.
    """
    if name not in MODELS:
        raise InvalidModel(f"got the model name {name!r}, expected one of {', '.join(sorted(MODELS))}")
    module, _, cls = MODELS[name].partition(":")
    return getattr(importlib.import_module(module), cls)


def name_of(model: Model) -> str:
    """Returns the name under which `MODELS` has the model's class.

    Raises:
        InvalidModel: for a class that `MODELS` does not have, which could not be loaded again.
    """
    path = f"{type(model).__module__}:{type(model).__qualname__}"
    for name, known in MODELS.items():
        if known == path:
            return name
    raise InvalidModel(f"got a model of {path}, which has no name; add a line to tactful.models.MODELS")


def save(model: Model) -> bytes:
    """Returns a model as bytes (msgpack): name, version and parameters."""
    all_of_it = model.parameters()
    texts = {key: value for key, value in all_of_it.items() if isinstance(value, str)}
    parameters = {key: _stored(value) for key, value in all_of_it.items() if not isinstance(value, str)}
    return msgspec.msgpack.encode(_Saved(name_of(model), model.version, parameters, texts=texts))


def load(data: bytes) -> Any:
    """Returns the model that `save` wrote: same version, same scores, bit for bit.

    Typed `Any`, since the name in the bytes decides the class; assign it to the protocol that is needed.

    Raises:
        InvalidModel: for bytes of something else, an unknown name, or another version than recorded.
    """
    try:
        saved = msgspec.msgpack.decode(data, type=_Saved)
        parameters = {key: _value(array) for key, array in saved.parameters.items()}
        model = resolve(saved.name)(**parameters, **saved.texts)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise InvalidModel(f"got {len(data)} bytes that hold no saved model: {error}; save again") from error
    if model.version != saved.version:
        raise InvalidModel(
            f"got a {saved.name} whose parameters give version {model.version}, expected {saved.version}; "
            "the bytes were changed after saving"
        )
    return model


def _stored(value: float | NDArray[np.float64] | bytes) -> _Array | bytes:
    if isinstance(value, bytes):
        return value
    return _Array(np.shape(value), np.ascontiguousarray(value, dtype="<f8").tobytes())


def _value(array: _Array | bytes) -> Any:
    if isinstance(array, bytes):
        return array
    values = np.frombuffer(array.data, dtype="<f8").reshape(array.shape)
    return values.item() if values.ndim == 0 else values.astype(np.float64)
