"""One family of errors, each with its data; HTTP statuses and exit codes are derived at the edges."""

from __future__ import annotations


class NetwrightError(Exception):
    """The root of every error that netwright raises on purpose."""


class RequestError(NetwrightError):
    """What a user asked cannot be done; `field` names the part of the request that is wrong."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message, self.field = message, field


class InvalidError(RequestError):
    """Malformed or contradictory input: 400, exit code 2."""


class NotFoundError(RequestError):
    """No such object: 404, exit code 3."""

    def __init__(self, noun: str, reference: str) -> None:
        super().__init__(f"{noun} {reference!r} could not be found.", None)
        self.noun, self.reference = noun, reference


class ConflictError(RequestError):
    """In use, taken, exhausted or overlapping: 409, exit code 4."""


class UnauthorizedError(RequestError):
    """Nobody knows who asks: 401."""


class ForbiddenError(RequestError):
    """The caller may see it, and may not do this: 403."""


class PreconditionError(RequestError):
    """It is not, or no longer, as the request says that it must be: 412."""


class BusyError(RequestError):
    """Too much of this at once; `wait_s` is when to ask again, in seconds: 429."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class KernelRefusedError(NetwrightError):
    """The kernel, or a helper that speaks for it, did not take what a driver wrote."""

    def __init__(self, driver: str, said: str) -> None:
        super().__init__(f"{driver}: {said}")
        self.driver, self.said = driver, said


class ServerGoneError(NetwrightError):
    """The server could not be reached, or closed the watch."""
