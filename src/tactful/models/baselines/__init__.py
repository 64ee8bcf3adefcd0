"""TIN's rivals, a file each: torch modules made as `Model(shape, dim, hidden, ...)`, which read a `SequenceBatch`.

To add one, write a file and a line in `RESPONSE_MODELS`; the suite `tests/models/test_response_models.py` finds it.
Importing this loads nothing, so that whoever only wants the names needs no torch.
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tactful.errors import InvalidModel

RESPONSE_MODELS: Mapping[str, str] = MappingProxyType(
    {
        "average_concat": "tactful.models.baselines.average_concat:AverageConcat",
        "average_product": "tactful.models.baselines.average_product:AverageProduct",
        "din_prime": "tactful.models.baselines.din_prime:DINPrime",
        "din": "tactful.models.baselines.din:DIN",
        "sim": "tactful.models.baselines.sim:SIM",
        "gru4rec": "tactful.models.baselines.gru4rec:GRU4Rec",
        "sasrec": "tactful.models.baselines.sasrec:SASRec",
        "bert4rec": "tactful.models.baselines.bert4rec:BERT4Rec",
        "dien": "tactful.models.baselines.dien:DIEN",
        "dsin": "tactful.models.baselines.dsin:DSIN",
        "bst": "tactful.models.baselines.bst:BST",
        "tin": "tactful.models.tin:TIN",
        "time_bias": "tactful.models.time_bias:TimeBias",
        "split_din": "tactful.models.baselines.split_din:SplitDIN",
    }
)
"""Name -> "module:Class", in the order of TIN's Table 1; then ours, and that of its appendix A.2."""


def resolve(name: str) -> Any:
    """Returns the class of a name in `RESPONSE_MODELS`; torch is imported now.

    Raises:
        InvalidModel: for a name that is not there.
    """
    if name not in RESPONSE_MODELS:
        raise InvalidModel(f"got the model name {name!r}, expected one of {', '.join(RESPONSE_MODELS)}")
    module, _, cls = RESPONSE_MODELS[name].partition(":")
    return getattr(importlib.import_module(module), cls)
