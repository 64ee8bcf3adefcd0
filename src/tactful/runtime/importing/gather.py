"""Collects the chunks of all files into one set of columns, with refused rows set aside on the way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int32, Int64, UInt64

from tactful import draws
from tactful.runtime.importing.arrange import Rows, derived_ids, joined
from tactful.runtime.importing.chunk import Chunk
from tactful.runtime.importing.fields import Fields, Refusals, parse
from tactful.runtime.importing.mapping import Mapping
from tactful.runtime.importing.rejects import Reject, Rejects


class Words:
    """A growing list of distinct texts; a text's position is its code."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def codes(self, texts: Any) -> Int32[np.ndarray, " n"]:
        """Returns the codes of an Arrow string array without nulls; new texts are added."""
        coded = texts.dictionary_encode()
        known = self._codes
        of_word = [known.setdefault(text, len(known)) for text in coded.dictionary.to_pylist()]
        codes: Int32[np.ndarray, " n"] = np.array(of_word, dtype=np.int32)[coded.indices.to_numpy()]
        return codes

    def listed(self) -> list[str]:
        """Returns the texts in the order of their codes."""
        return list(self._codes)

    def keys(self) -> UInt64[np.ndarray, " words"]:
        """Returns the `draws.key` of each text."""
        return np.array([draws.key(text) for text in self._codes], dtype=np.uint64)


class Gathered:
    """The rows that were taken so far; `read` and `ignored` count rows, rejects are written as they are met."""

    def __init__(self, mapping: Mapping, rejects: Rejects) -> None:
        self.read = 0
        self.ignored = 0
        self.users = Words()
        self.items = Words()
        self._mapping = mapping
        self._rejects = rejects
        self._parts: list[Rows] = []
        self._ids: list[Any] = []

    def add(self, chunk: Chunk, file: Path, number: int) -> None:
        """Takes the good rows of a chunk; `number` is the file's position."""
        refusals = Refusals(len(chunk.lines))
        parsed = parse(chunk.columns, self._mapping, refusals)
        found = [(int(chunk.lines[row]), reason) for row, reason in refusals.listed(parsed.ignored)]
        for line, reason in sorted(chunk.refused + found):
            self._rejects.add(Reject(str(file), line, reason, chunk.raw(line)))
        self.read += len(chunk.lines) + len(chunk.refused)
        self.ignored += int(parsed.ignored.sum())
        good = np.flatnonzero(refusals.fine() & ~parsed.ignored)
        if len(good):
            self._take(parsed, good, chunk.lines[good], number)

    def release(self) -> tuple[Rows, Any]:
        """Returns all rows with their ids, and the list of explicit ids (Arrow strings), None if ids are derived.

        There must be one row at least. They are handed over, not kept: a log may fill half the memory.
        """
        parts, self._parts = self._parts, []
        if self._ids:
            coded = pa.chunked_array(self._ids).dictionary_encode().combine_chunks()
            codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.uint64)
            return replace(joined(parts), engagement_id=codes), coded.dictionary
        users, items = self.users.keys(), self.items.keys()
        return joined(
            [replace(p, engagement_id=derived_ids(users[p.user], p.at_us, p.kind, items[p.item])) for p in parts]
        ), None

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def _take(
        self, parsed: Fields, good: Int64[np.ndarray, " good"], lines: Int64[np.ndarray, " good"], number: int
    ) -> None:
        if parsed.engagement_id is not None:
            self._ids.append(parsed.engagement_id.take(pa.array(good)).cast(pa.large_string()))
        self._parts.append(
            Rows(
                engagement_id=np.zeros(len(good), dtype=np.uint64),  # known when all keys are: see `release`
                at_us=parsed.at_us[good],
                user=self.users.codes(parsed.user.take(pa.array(good))),
                kind=parsed.kind[good],
                item=self.items.codes(parsed.item.take(pa.array(good))),
                category=parsed.category[good].astype(np.int32),
                value=parsed.value[good],
                channel=parsed.channel[good],
                file=np.full(len(good), number, dtype=np.int16),
                line=lines,
            )
        )
