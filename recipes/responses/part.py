"""A part of a data set, small enough to run a recipe on in seconds."""

from dataclasses import replace

import numpy as np

from responses.data import ResponseData


def first_users(data: ResponseData, users: int) -> ResponseData:
    """Returns the rows of the first of the users who have a test row; all users for 0. Vocabularies stay whole."""
    if not users:
        return data
    last = np.unique(data.test.samples.user)[:users][-1]
    parts = (data.train, data.validation, data.test)
    train, validation, test = (part.take(np.flatnonzero(part.samples.user <= last)) for part in parts)
    return replace(data, train=train, validation=validation, test=test)
