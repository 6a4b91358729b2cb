"""The end of an evaluation licence: told two weeks before; afterwards the guest is not started any more.

An expired Windows shuts itself down every hour, in the middle of whatever runs.
"""

from __future__ import annotations

import datetime
import math

from lab.errors import InfrastructureError
from lab.machine.image import Image

WARNING_DAYS = 14


def expiry_warning(image: Image, now: datetime.datetime) -> str:
    """One sentence when the image's licence ends within two weeks, else nothing.

    Raises InfrastructureError, with what to do, when it has ended. `now` has a time zone.
    """
    if image.expires is None:
        return ""
    left = math.floor((image.expires - now) / datetime.timedelta(days=1))
    day = image.expires.date().isoformat()
    if left < 0:
        what = f"the evaluation licence of the guest image {image.directory.name} ended on {day}"
        raise InfrastructureError(what, renewal(image))
    if left < WARNING_DAYS:
        return f"the evaluation licence of {image.directory.name} ends in {left} days, on {day}: {renewal(image)}"
    return ""


def renewal(image: Image) -> str:
    """What gives a new licence."""
    return f"build the image again, from a new medium: lab image build {image.guest} --iso Win.iso --name {image.name}"
