"""Reading a forest from LightGBM's model text, so that serving needs no LightGBM.

Only what `Forest` can walk is taken: one output, numerical splits, constant leaves, features without gaps.
"""

import re

import numpy as np
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.models.forest import Forest

_CATEGORICAL, _ZERO_IS_MISSING = 1, 4  # bits of decision_type; NaN as missing (8) is fine, for NaN is refused


def forest_of(model_text: str) -> Forest:
    """Returns the trees of `booster.model_to_string()` (or of the file of `save_model`) as a forest.

    Margins are LightGBM's raw scores; for `objective=binary` the probability is `1 / (1 + exp(-margin))`.

    Raises:
        InvalidModel: for text that is no model, and for models with several outputs, categorical splits, linear
            leaves, zero as missing, averaged trees, or a sigmoid other than 1.
    """
    head, *rest = re.split(r"^Tree=\d+$", model_text.partition("\nend of trees")[0], flags=re.MULTILINE)
    header = _fields(head)
    if "max_feature_idx" not in header or not rest:
        raise InvalidModel("got text without trees, expected that of booster.model_to_string(); train at least one")
    _refuse_header(head, header)
    splits: list[NDArray[np.float64]] = []
    leaves: list[NDArray[np.float64]] = []
    roots: list[int] = []
    n_splits = n_leaves = 0
    for tree in map(_fields, rest):
        _refuse_tree(tree)
        values, feature = _numbers(tree["leaf_value"]), _numbers(tree.get("split_feature", ""))
        children = [_numbers(tree.get(side, "")) for side in ("left_child", "right_child")]
        moved = [np.where(child >= 0, child + n_splits, child - n_leaves) for child in children]
        roots.append(n_splits if len(feature) else ~n_leaves)
        splits.append(np.column_stack([feature, _numbers(tree.get("threshold", "")), *moved]))
        leaves.append(values)
        n_splits, n_leaves = n_splits + len(feature), n_leaves + len(values)
    return Forest(
        np.concatenate(splits), np.concatenate(leaves), np.array(roots, dtype=float), int(header["max_feature_idx"]) + 1
    )


def _refuse_header(head: str, header: dict[str, str]) -> None:
    if header.get("num_tree_per_iteration") != "1":
        raise InvalidModel(f"got {header.get('num_tree_per_iteration')} trees an iteration, expected a single output")
    if re.search(r"^average_output$", head, flags=re.MULTILINE):
        raise InvalidModel("got averaged trees (boosting=rf), expected a boosted sum; train with boosting=gbdt")
    sigmoid = re.search(r"\bsigmoid:(\S+)", header.get("objective", ""))
    if sigmoid and float(sigmoid[1]) != 1.0:
        raise InvalidModel(f"got sigmoid {sigmoid[1]}, expected 1; leave LightGBM's parameter sigmoid alone")


def _refuse_tree(tree: dict[str, str]) -> None:
    kinds = _numbers(tree.get("decision_type", "")).astype(np.int64)
    if tree.get("num_cat", "0") != "0" or np.any(kinds & _CATEGORICAL):
        raise InvalidModel("got a categorical split, expected numerical ones; train without categorical_feature")
    if tree.get("is_linear", "0") != "0":
        raise InvalidModel("got linear leaves, expected constants; train with linear_tree=false")
    if np.any(kinds & _ZERO_IS_MISSING):
        raise InvalidModel("got splits that take zero for missing; train with zero_as_missing=false")


def _fields(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _numbers(text: str) -> NDArray[np.float64]:
    return np.array(text.split(), dtype=np.float64)
